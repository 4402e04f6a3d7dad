// Which ticks are enqueued, and how often, by processes in virtual time: counted in the broker.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createJid } from '../../src/domain/jid.ts';
import { lockOf, type KeyStore } from '../../src/domain/keys.ts';
import { unknown } from '../../src/domain/producer.ts';
import { tickId } from '../../src/cron/tick.ts';
import { away, hourMs, minuteMs, secondMs, setUp, type Process } from './scene.ts';

const iso = (ms: number): string => new Date(ms).toISOString();
/** Request ids of all ticks behind `fromMs`, up to and with `toMs`. */
const ticksOf = (name: string, everyMs: number, fromMs: number, toMs: number): string[] => {
  const ids: string[] = [];
  for (let ms = Math.floor(fromMs / everyMs) * everyMs + everyMs; ms <= toMs; ms += everyMs)
    ids.push(`${name}@${iso(ms)}`);
  return ids;
};
const nightly = (...times: string[]): string[] => times.map((time) => `nightly@${time}.000Z`);
const sum = (processes: readonly Process[], outcome: string): number =>
  processes.reduce((total, { counts }) => total + (counts[outcome] ?? 0), 0);

describe('schedules', () => {
  it('are enqueued once each tick by three processes, whose clocks differ, for two hours in which each is restarted', async (t) => {
    const scene = await setUp(t, '2026-12-01T10:00:10Z');
    const cron = [
      { name: 'five', schedule: '*/5 * * * *' },
      { name: 'half', schedule: '*/30 * * * * *' },
    ];
    const aheadMs = [-3 * secondMs, 0, 2 * secondMs];
    const all: Process[] = [];
    const begin = (index: number): Process => {
      const begun = scene.start(cron, { aheadMs: aheadMs[index] as number });
      all.push(begun);
      return begun;
    };
    const running = [begin(0), begin(1), begin(2)];
    const startMs = scene.nowMs();
    for (let round = 0; round < 12; round++) {
      await scene.advance(7 * minuteMs);
      await running[round % 3]?.cron.close();
      await scene.advance(3 * minuteMs);
      running[round % 3] = begin(round % 3);
    }
    assert.equal(scene.nowMs() - startMs, 2 * hourMs);
    const expected = [
      ...ticksOf('nightly:five', 5 * minuteMs, startMs, scene.nowMs()),
      ...ticksOf('nightly:half', 30 * secondMs, startMs, scene.nowMs()),
    ];
    assert.equal(expected.length, 24 + 240);
    assert.deepEqual((await scene.stored()).sort(), expected.sort());
    assert.equal(sum(all, 'enqueued'), expected.length);
    assert.ok(sum(all, 'replayed') > expected.length);
    assert.deepEqual([sum(all, 'refused'), sum(all, 'unknown')], [0, 0]);
    const lines = all.flatMap((one) => one.lines);
    assert.equal(lines.length, expected.length);
    assert.equal(new Set(lines.map(({ job_id: id }) => id)).size, expected.length);
  });

  it('are tried again while the broker is away, until the next tick', async (t) => {
    const scene = await setUp(t, '2026-12-01T02:59:00Z');
    const { counts, lines } = scene.start([
      { name: 'hour', schedule: '0 * * * *' },
      { name: 'minute', schedule: '* * * * *' },
    ]);
    await scene.advance(30 * secondMs);
    scene.setOutcome(away);
    await scene.advance(3 * minuteMs);
    assert.deepEqual(await scene.stored(), []);
    scene.setOutcome(undefined);
    await scene.advance(minuteMs);
    assert.deepEqual(
      (await scene.stored()).sort(),
      [
        'nightly:hour@2026-12-01T03:00:00.000Z',
        ...ticksOf('nightly:minute', minuteMs, Date.parse('2026-12-01T03:01:30Z'), scene.nowMs()),
      ].sort(),
    );
    assert.deepEqual(counts, { enqueued: 3, refused: 2 });
    const refusals = lines.filter(({ msg }) => msg === 'a tick was refused: it is tried again');
    assert.deepEqual([refusals.length, refusals[0]?.['reason']], [4, 'the broker is away']);
    assert.equal(lines.filter(({ msg }) => msg === 'a tick was refused, and is not tried again').length, 2);
  });

  it('are tried again while the store of keys is away, by every process', async (t) => {
    const scene = await setUp(t, '2026-12-01T02:59:59Z');
    let isAway = true;
    const keys: KeyStore = {
      ...scene.keys,
      claim: (claims) => (isAway ? Promise.reject(new Error('Redis is away')) : scene.keys.claim(claims)),
    };
    const processes = [1, 2, 3].map(() => scene.start({ schedule: '0 3 * * *' }, { keys }));
    await scene.advance(5 * minuteMs);
    isAway = false;
    await scene.advance(10 * secondMs);
    assert.deepEqual(await scene.stored(), nightly('2026-12-01T03:00:00'));
    assert.deepEqual([sum(processes, 'enqueued'), sum(processes, 'replayed')], [1, 2]);
  });

  it('are not tried again when it is not known whether they were enqueued', async (t) => {
    const scene = await setUp(t, '2026-12-01T02:59:59Z');
    scene.setOutcome(unknown('no reply from the broker in time'));
    const { counts, cron, lines } = scene.start({ schedule: '0 3 * * *' });
    const other = scene.start({ schedule: '0 3 * * *' }, { aheadMs: -secondMs });
    await scene.advance(hourMs);
    assert.equal(scene.pushes(), 1);
    assert.deepEqual(counts, { unknown: 1 });
    assert.deepEqual(other.counts['enqueued'], undefined);
    const [state] = await cron.list();
    assert.deepEqual([state?.last?.outcome, state?.last?.atMs], ['unknown', Date.parse('2026-12-01T03:00:00Z')]);
    assert.equal(state?.last?.jobId, lines[0]?.['job_id']);
  });

  it('are unknown when the process that claimed them has died', async (t) => {
    const scene = await setUp(t, '2026-12-01T02:59:59Z');
    const jid = createJid();
    await scene.keys.claim([lockOf(tickId('nightly', Date.parse('2026-12-01T03:00:00Z')), jid, hourMs)]);
    const { counts, cron } = scene.start({ schedule: '0 3 * * *' });
    await scene.advance(20 * secondMs);
    assert.deepEqual(counts, {});
    await scene.advance(minuteMs);
    assert.deepEqual([counts, scene.pushes()], [{ unknown: 1 }, 0]);
    assert.equal((await cron.list())[0]?.last?.jobId, jid);
  });

  it('are not begun by a process that drains, which ends what it has begun', async (t) => {
    const scene = await setUp(t, '2026-12-01T02:59:59Z');
    scene.setOutcome(away);
    const { cron, counts, lines } = scene.start({ schedule: '*/10 * * * * *' });
    await scene.advance(1500);
    assert.ok(scene.pushes() > 0);
    const pushes = scene.pushes();
    await cron.close();
    scene.setOutcome(undefined);
    await scene.advance(minuteMs);
    assert.deepEqual([scene.pushes(), counts], [pushes, { refused: 1 }]);
    assert.equal(lines.at(-1)?.['msg'], 'a tick was refused, and is not tried again');
    assert.deepEqual(await scene.stored(), []);
  });

  it('come each second, also for a process that is busy for some seconds', async (t) => {
    const scene = await setUp(t, '2026-12-01T03:00:00.500Z');
    const { counts } = scene.start({ schedule: '* * * * * *' });
    await scene.advance(5 * secondMs);
    scene.sleep(4 * secondMs);
    await scene.advance(secondMs);
    assert.deepEqual(counts, { enqueued: 10 });
    assert.deepEqual(
      await scene.stored(),
      ticksOf('nightly', secondMs, Date.parse('2026-12-01T03:00:00.500Z'), scene.nowMs()),
    );
  });
});

describe('the last tick of a schedule', () => {
  it('is listed with its job and the next one, also by processes that did not enqueue it', async (t) => {
    const scene = await setUp(t, '2026-12-01T02:30:00Z');
    const processes = [1, 2].map(() => scene.start({ schedule: '0 2-5 * * *', timeZone: 'Europe/Berlin' }));
    const [before] = await (processes[0] as Process).cron.list();
    assert.deepEqual(before, {
      name: 'nightly',
      operation: 'nightly',
      pattern: '0 2-5 * * *',
      timeZone: 'Europe/Berlin',
      catchUp: false,
      nextMs: Date.parse('2026-12-01T03:00:00Z'),
      last: undefined,
    });
    await scene.advance(hourMs);
    const lists = await Promise.all(processes.map(({ cron }) => cron.list()));
    assert.deepEqual(lists[0], lists[1]);
    const last = lists[0]?.[0]?.last;
    assert.equal(last?.atMs, Date.parse('2026-12-01T03:00:00Z'));
    assert.equal(last?.jobId, processes.flatMap(({ lines }) => lines)[0]?.['job_id']);
  });
});

describe('ticks that were missed while nothing ran', () => {
  const hourly = { schedule: '0 * * * *' };
  const catchUp = { ...hourly, catchUp: true };

  /** One process runs over a tick, nothing runs over the next three, then one runs again. */
  async function missThree(t: Parameters<typeof setUp>[0], before: object, after: object) {
    const scene = await setUp(t, '2026-12-01T02:30:00Z');
    const first = scene.start(before);
    await scene.advance(hourMs);
    await first.cron.close();
    assert.deepEqual(await scene.stored(), nightly('2026-12-01T03:00:00'));
    await scene.advance(3 * hourMs);
    const again = [scene.start(after), scene.start(after)];
    await scene.advance(minuteMs);
    return { scene, again };
  }

  it('are not made up', async (t) => {
    const { scene } = await missThree(t, hourly, hourly);
    assert.deepEqual(await scene.stored(), []);
    await scene.advance(hourMs);
    assert.deepEqual(await scene.stored(), nightly('2026-12-01T07:00:00'));
  });

  it('are made up with catchUp: the latest one, once', async (t) => {
    const { scene, again } = await missThree(t, catchUp, catchUp);
    assert.deepEqual(await scene.stored(), nightly('2026-12-01T06:00:00'));
    assert.deepEqual([sum(again, 'enqueued'), sum(again, 'replayed')], [1, 1]);
    await scene.advance(hourMs);
    assert.deepEqual(await scene.stored(), nightly('2026-12-01T07:00:00'));
  });

  it('are not made up for a schedule that has changed', async (t) => {
    const { scene } = await missThree(t, catchUp, { ...catchUp, schedule: '10 * * * *' });
    assert.deepEqual(await scene.stored(), []);
  });

  it('are not made up for a new schedule', async (t) => {
    const scene = await setUp(t, '2026-12-01T04:00:00Z');
    scene.start(catchUp);
    await scene.advance(minuteMs);
    assert.deepEqual(await scene.stored(), []);
  });

  it('are made up when the store that keeps the last ones is back', async (t) => {
    const scene = await setUp(t, '2026-12-01T02:30:00Z');
    const first = scene.start(catchUp);
    await scene.advance(hourMs);
    await first.cron.close();
    await scene.stored();
    await scene.advance(hourMs);
    let isAway = true;
    const last = (names: readonly string[]) =>
      isAway ? Promise.reject(new Error('Redis is away')) : scene.ticks.last(names);
    scene.start(catchUp, { ticks: { ...scene.ticks, last } });
    await scene.advance(minuteMs);
    assert.deepEqual(await scene.stored(), []);
    isAway = false;
    await scene.advance(minuteMs);
    assert.deepEqual(await scene.stored(), nightly('2026-12-01T04:00:00'));
  });

  it('are the same for a process that was suspended', async (t) => {
    for (const [cron, expected] of [
      [hourly, []],
      [catchUp, nightly('2026-12-01T05:00:00')],
    ] as const) {
      const scene = await setUp(t, '2026-12-01T02:30:00Z');
      scene.start(cron);
      await scene.advance(hourMs);
      await scene.stored();
      scene.sleep(2 * hourMs);
      await scene.advance(minuteMs);
      assert.deepEqual(await scene.stored(), expected);
      await scene.advance(hourMs);
      assert.deepEqual(await scene.stored(), nightly('2026-12-01T06:00:00'));
    }
  });

  it('are not enqueued by a process that was suspended when others have enqueued them', async (t) => {
    const scene = await setUp(t, '2026-12-01T02:30:00Z');
    scene.start({ ...catchUp, schedule: '*/10 * * * *' });
    await scene.advance(hourMs + minuteMs);
    const late = scene.start({ ...catchUp, schedule: '*/10 * * * *' }, { aheadMs: -hourMs / 2 });
    await scene.advance(minuteMs);
    assert.deepEqual(late.counts['enqueued'], undefined);
    assert.equal((await scene.stored()).length, 6);
  });
});

describe('a clock that is set', () => {
  it('back: the ticks of the time that comes again are not enqueued again', async (t) => {
    const scene = await setUp(t, '2026-12-01T02:30:00Z');
    scene.start({ schedule: '0,45 * * * *' });
    await scene.advance(hourMs);
    assert.deepEqual(await scene.stored(), nightly('2026-12-01T02:45:00', '2026-12-01T03:00:00'));
    scene.set(-50 * minuteMs);
    await scene.advance(90 * minuteMs);
    assert.deepEqual(await scene.stored(), nightly('2026-12-01T03:45:00', '2026-12-01T04:00:00'));
  });

  it('from a wrong year to the right one: ticks come at once', async (t) => {
    const scene = await setUp(t, '2099-12-01T02:30:00Z');
    scene.start({ schedule: '0 * * * *' });
    await scene.advance(10 * minuteMs);
    scene.set(Date.parse('2026-12-01T02:50:00Z') - scene.nowMs());
    await scene.advance(20 * minuteMs);
    assert.deepEqual(await scene.stored(), nightly('2026-12-01T03:00:00'));
  });
});

describe('the days on which clocks change, in Berlin', () => {
  const zone = { timeZone: 'Europe/Berlin' };
  const cron = [
    { ...zone, name: 'fixed', schedule: '30 2 * * *' },
    { ...zone, name: 'hourly', schedule: '0 * * * *' },
  ];
  const of = (ids: readonly string[], name: string): string[] =>
    ids.filter((id) => id.startsWith(`nightly:${name}@`)).map((id) => id.slice(id.indexOf('T') + 1, -8));

  it('forward: a time in the gap comes at its end, once; each hour comes once', async (t) => {
    const scene = await setUp(t, '2026-03-28T23:30:00Z');
    scene.start(cron);
    await scene.advance(4 * hourMs);
    const ids = await scene.stored();
    assert.deepEqual(of(ids, 'fixed'), ['01:00']);
    assert.deepEqual(of(ids, 'hourly'), ['00:00', '01:00', '02:00', '03:00']);
  });

  it('back: a time that comes twice is used once, the first time; each hour comes once', async (t) => {
    const scene = await setUp(t, '2026-10-24T23:30:00Z');
    scene.start(cron);
    await scene.advance(4 * hourMs);
    const ids = await scene.stored();
    assert.deepEqual(of(ids, 'fixed'), ['00:30']);
    assert.deepEqual(of(ids, 'hourly'), ['00:00', '01:00', '02:00', '03:00']);
  });
});
