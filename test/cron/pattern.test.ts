// Patterns of schedules: what croner makes of them, and that looking forward and backward agree.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTimeZone, readPattern, type Pattern } from '../../src/cron/pattern.ts';

function read(pattern: string, timeZone = 'UTC'): Pattern {
  const found = readPattern(pattern, timeZone);
  return 'problem' in found ? assert.fail(found.problem) : found;
}

const next = (pattern: string, from: string, timeZone?: string): string | undefined => {
  const ms = read(pattern, timeZone).nextAfter(Date.parse(from));
  return ms === undefined ? undefined : new Date(ms).toISOString();
};

describe('a pattern', () => {
  it('has five fields, or six with seconds first', () => {
    assert.equal(next('30 2 * * *', '2026-12-01T02:30:00Z'), '2026-12-02T02:30:00.000Z');
    assert.equal(next('15 30 2 * * *', '2026-12-01T02:30:00Z'), '2026-12-01T02:30:15.000Z');
    assert.equal(next('* * * * * *', '2026-12-01T02:30:00.999Z'), '2026-12-01T02:30:01.000Z');
    assert.equal(next('0 9 * * MON-FRI', '2026-12-04T09:00:00Z'), '2026-12-07T09:00:00.000Z');
    assert.equal(next('0 0 13 * FRI', '2026-12-01T00:00:00Z'), '2026-12-04T00:00:00.000Z');
    assert.equal(next('0 0 29 2 *', '2026-12-01T00:00:00Z'), '2028-02-29T00:00:00.000Z');
  });

  it('is in the time of its zone', () => {
    assert.equal(next('30 2 * * *', '2026-12-01T00:00:00Z', 'Europe/Berlin'), '2026-12-01T01:30:00.000Z');
    assert.equal(next('30 2 * * *', '2026-12-01T00:00:00Z', 'Asia/Kathmandu'), '2026-12-01T20:45:00.000Z');
  });

  it('is refused when it cannot be read, names a date or years, or never comes', () => {
    const problems = [
      '',
      '* * * *',
      '* * * * * * *',
      '@daily',
      '2026-12-01T00:00:00',
      '61 * * * *',
      '0 0 31 2 *',
      'a b c d e',
    ].map((pattern) => readPattern(pattern, 'UTC'));
    assert.deepEqual(
      problems.map((one) => 'problem' in one && one.problem),
      [
        ...Array<string>(5).fill('must have five fields, or six with seconds first'),
        'cannot be read: Invalid value for minute: 61',
        'never comes',
        'cannot be read: configuration entry 1 (a) contains illegal characters.',
      ],
    );
  });

  it('that names its hours comes once on days on which clocks change; one with * or a step goes on in real time', () => {
    const of = (pattern: string, from: string, count: number): string[] => {
      const { nextAfter } = read(pattern, 'Europe/Berlin');
      const found: string[] = [];
      for (let ms: number | undefined = Date.parse(from); found.length < count;) {
        ms = nextAfter(ms as number);
        found.push(new Date(ms as number).toISOString().slice(8, 16));
      }
      return found;
    };
    const [forward, back] = ['2026-03-28T23:30:00Z', '2026-10-24T22:30:00Z'];
    assert.deepEqual(of('30 2 * * *', forward, 2), ['29T01:00', '30T00:30']);
    assert.deepEqual(of('30 2,14 * * *', forward, 3), ['29T01:00', '29T12:30', '30T00:30']);
    assert.deepEqual(of('*/30 * * * *', forward, 5), ['29T00:00', '29T00:30', '29T01:00', '29T01:30', '29T02:00']);
    assert.deepEqual(of('30 2 * * *', back, 2), ['25T00:30', '26T01:30']);
    assert.deepEqual(of('30 2,14 * * *', back, 3), ['25T00:30', '25T13:30', '26T01:30']);
    assert.deepEqual(of('0 * * * *', back, 5), ['24T23:00', '25T00:00', '25T01:00', '25T02:00', '25T03:00']);
  });

  it('looks back to the tick that it looked forward to', () => {
    const year = Date.parse('2026-01-01T00:00:00Z');
    const patterns = ['30 2 * * *', '*/7 * * * *', '0 0 1 * *', '15 */20 2-4 * * *', '0 12 * * 1'];
    const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'];
    const cases = fc.record({
      pattern: fc.constantFrom(...patterns),
      zone: fc.constantFrom(...zones),
      // Around changes of clocks as often as anywhere.
      ms: fc.oneof(
        fc.integer({ min: 0, max: 31_536_000_000 }).map((ms) => year + ms),
        fc
          .tuple(
            fc.constantFrom(
              '2026-03-29T01:00:00Z',
              '2026-10-25T01:00:00Z',
              '2026-03-08T07:00:00Z',
              '2026-11-01T06:00:00Z',
            ),
            fc.integer({ min: -7_200_000, max: 7_200_000 }),
          )
          .map(([change, ms]) => Date.parse(change) + ms),
      ),
    });
    fc.assert(
      fc.property(cases, ({ pattern, zone, ms }) => {
        const { nextAfter, latestUntil } = read(pattern, zone);
        const tick = nextAfter(ms) as number;
        assert.ok(tick > ms);
        assert.equal(latestUntil(tick), tick);
        const before = latestUntil(tick - 1) as number;
        assert.ok(before <= ms, `${before} is between ${ms} and the next tick`);
        assert.equal(nextAfter(before), tick);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a time zone', () => {
  it('is one that this Node knows', () => {
    assert.deepEqual(['Europe/Berlin', 'UTC', 'Mars/Phobos', '', 'Berlin'].map(isTimeZone), [
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
