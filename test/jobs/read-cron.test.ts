// `cron` of a definition: what it becomes, and what is said when it cannot be used.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import type { Schedule } from '../../src/domain/cron.ts';
import { compileDefinition } from '../../src/jobs/compile-definition.ts';

const compile = (cron: unknown, more: object = {}) =>
  compileDefinition({ name: 'report', args: z.object({ city: z.string() }), run: () => 1, cron, ...more });

function schedulesOf(cron: unknown, more?: object): readonly Schedule[] {
  const compiled = compile(cron, more);
  return ('type' in compiled ? compiled.type.schedules : undefined) ?? assert.fail(JSON.stringify(compiled));
}

function problemsOf(cron: unknown, more?: object): string[] {
  const compiled = compile(cron, more);
  assert.ok('problems' in compiled);
  return compiled.problems.map(({ field, message }) => `${field} ${message}`);
}

const args = { city: 'Ulm' };
const schedule = '0 3 * * *';

describe('cron of a definition', () => {
  it('is one schedule with the name of its type, in UTC, that makes nothing up', () => {
    const [one, ...others] = schedulesOf({ schedule: ' 0  3 * * * ', args });
    assert.deepEqual(others, []);
    const { name, pattern, timeZone, catchUp, args: read } = one as Schedule;
    assert.deepEqual(
      [name, pattern, timeZone, catchUp, read.json],
      ['report', schedule, 'UTC', false, '{"city":"Ulm"}'],
    );
  });

  it('is a list whose schedules keep their names when it is sorted otherwise', () => {
    const list = [
      { schedule, args },
      { schedule, args: { city: 'Bonn' } },
      { name: 'late', schedule: '0 4 * * *', args, timeZone: 'Europe/Berlin' },
    ];
    const names = schedulesOf(list).map(({ name }) => name);
    assert.match(names[0] as string, /^report:[0-9a-f]{8}$/);
    assert.equal(names[2], 'report:late');
    assert.equal(new Set(names).size, 3);
    assert.deepEqual(
      schedulesOf([...list].reverse()).map(({ name }) => name),
      [...names].reverse(),
    );
  });

  it('needs no arguments where the type takes none, and gives those of a tuple as a list', () => {
    assert.equal(
      schedulesOf({ schedule }, { args: z.object({ deep: z.boolean().default(true) }) })[0]?.args.json,
      '{"deep":true}',
    );
    assert.equal(
      schedulesOf({ schedule, args: ['a', 1] }, { args: z.tuple([z.string(), z.int()]) })[0]?.args.json,
      '"a",1',
    );
  });

  it('names everything that is wrong at once, beside what is wrong elsewhere', () => {
    const wrong = [
      { schedule: '61 3 * * *', timeZone: 'Mars/Phobos', args },
      { schedule: '0 0 30 2 *', args, every: 'day' },
      { schedule: '@daily', catchUp: 'yes', name: 'A' },
      'daily',
      { args },
    ];
    assert.deepEqual(problemsOf(wrong, { retry: 2000 }), [
      'retry must be at most 1000',
      'cron.0.timeZone is no time zone that this Node knows; an example is Europe/Berlin',
      'cron.0.schedule cannot be read: Invalid value for minute: 61',
      'cron.1.every is no field of a schedule',
      'cron.1.schedule never comes',
      'cron.2.name must be a small letter or a digit, then up to 63 of a-z 0-9 _ -',
      'cron.2.catchUp must be true or false',
      'cron.2.schedule must have five fields, or six with seconds first',
      'cron.3 must be an object with a schedule, or a list of such objects',
      'cron.4.schedule must be a text, for example 0 3 * * *',
    ]);
  });

  it('has arguments that the type accepts', () => {
    assert.deepEqual(problemsOf({ schedule }), ['cron.args.city is missing']);
    assert.deepEqual(
      problemsOf([
        { schedule, args },
        { schedule, args: { city: 7 } },
      ]),
      ['cron.1.args.city must be a string'],
    );
    assert.deepEqual(problemsOf({ schedule, args: { city: 'x'.repeat(70_000) } }), [
      'cron.args must be at most 65536 bytes of JSON',
    ]);
  });

  it('has no schedule twice, and at most 100', () => {
    const same = 'has the name of cron.0, or is the same schedule: give it a name of its own';
    assert.deepEqual(
      problemsOf([
        { schedule, args },
        { schedule, args },
      ]),
      [`cron.1 ${same}`],
    );
    assert.deepEqual(
      problemsOf([
        { schedule, args, name: 'a' },
        { schedule: '0 4 * * *', args, name: 'a' },
      ]),
      [`cron.1 ${same}`],
    );
    assert.deepEqual(problemsOf(Array.from({ length: 101 }, () => ({ schedule, args }))), [
      'cron must be at most 100 schedules',
    ]);
  });
});
