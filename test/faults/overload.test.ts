// More work than can be done: behind a broker that stores 500 jobs a second, on a processor that has too little time, and
// many large batches next to a few single jobs. FAULTS=1 only, with nothing beside it: it measures times.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../../bench/harness/stats.ts';
import { queuedJobs, startBroker } from '../helpers/broker.ts';
import { bulk, jidsOf, ok, refusals, startScriptedBroker, type ScriptedBroker } from '../helpers/scripted-broker.ts';
import { get, startService } from '../helpers/service.ts';
import { residentMebibytes, watchMemory } from './fuzz-memory.ts';
import { forkArrivals, type ArrivalsOptions, type Seen, type Witness } from './arrivals.ts';
import { showed } from './matrix.ts';

const skip = process.env['FAULTS'] !== '1' && 'FAULTS=1 only: it measures times, and a busy machine has its own';
const jobsPerSecond = 500;
/** ENQUEUE_TIMEOUT_MS, and what the contract allows on top of it. */
const deadlineMs = 20_000 + 250;
/** After the callers, who come at once, are there. */
const growthMebibytesMax = 60;
const limit = { timeout: 120_000 };
const single = { path: '/jobs/add', body: { a: 1, b: 2 } };

/** Stores one job after the other, whatever connection they came on, each in its time. */
async function startSlowBroker(t: TestContext, perSecond: number): Promise<ScriptedBroker> {
  let freeAtMs = 0;
  const broker = await startScriptedBroker({
    script: {
      reply(line, peer) {
        if (!line.startsWith('PUSHB ')) return line === 'INFO' ? bulk('{}') : ok;
        freeAtMs = Math.max(freeAtMs, performance.now()) + (jidsOf(line).length * 1000) / perSecond;
        setTimeout(() => peer.write(refusals()), freeAtMs - performance.now());
        return undefined;
      },
    },
  });
  t.after(() => broker.close());
  return broker;
}

async function startApi(t: TestContext, port: number) {
  const api = startService(t, { FAKTORY_URL: `tcp://127.0.0.1:${port}` }, 'api');
  const url = await api.url();
  while ((await get(`${url}/ready`)).status !== 200) await delay(20);
  return { api, url };
}

/** What callers see in that time, until the last of them has its response. */
async function seenIn(t: TestContext, options: ArrivalsOptions, forMs: number): Promise<Witness> {
  const arrivals = await forkArrivals(t, options);
  await delay(forMs);
  return arrivals.stop();
}

const tookMs = (seen: readonly Seen[], percent: number): number =>
  percentile(
    seen.map((one) => one.tookMs),
    percent,
  );
const withStatus = (seen: readonly Seen[], status: number): Seen[] => seen.filter((one) => one.status === status);

const beginMs = (seen: readonly Seen[]): number =>
  seen.reduce((least, { startedMs }) => Math.min(least, startedMs), Infinity);

/** Yeses a second in the time that callers came in, without its first quarter. */
function goodput(seen: readonly Seen[], forMs: number): number {
  const [fromMs, toMs] = [beginMs(seen) + forMs / 4, beginMs(seen) + forMs];
  const ends = withStatus(seen, 202).map((one) => one.startedMs + one.tookMs);
  return ends.filter((atMs) => atMs >= fromMs && atMs < toMs).length / ((toMs - fromMs) / 1000);
}

const round = (value: number): string => (value < 100 ? value.toFixed(1) : Math.round(value).toString());

/** One of the process's own figures. */
async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

describe('overload', { skip }, () => {
  it(
    'behind a slow broker: as much is stored as before, in time, and the others are told at once',
    limit,
    async (t) => {
      const broker = await startSlowBroker(t, jobsPerSecond);
      const { api, url } = await startApi(t, broker.port);
      const forMs = 10_000;
      const { seen: calm } = await seenIn(t, { url, ...single, load: { callers: 32 } }, forMs / 2);
      const peak = goodput(calm, forMs / 2);
      const watch = watchMemory(() => residentMebibytes(api.process.pid as number));
      const beganMs = performance.now();
      const looking = setInterval(() => watch.look((performance.now() - beganMs) / forMs), 100);
      t.after(() => clearInterval(looking));
      const { seen } = await seenIn(t, { url, ...single, load: { perSecond: 8 * jobsPerSecond } }, forMs);
      clearInterval(looking);
      const sizes = watch.end();

      assert.equal(api.process.exitCode, null, 'the API ended');
      const [yes, no] = [withStatus(seen, 202), withStatus(seen, 503)];
      const good = goodput(seen, forMs);
      // Until then thousands of connections are opened, and the code of refusals is cold.
      const settledMs = beginMs(seen) + forMs / 4;
      const settled = no.filter(({ startedMs }) => startedMs >= settledMs);
      const retries = new Set(no.map(({ retryAfterSeconds }) => retryAfterSeconds));
      showed(
        'overload',
        `peak ${round(peak)}/s; at ${round((seen.length / forMs) * 1000)}/s for ${forMs / 1000} s ` +
          `${round(good)}/s accepted (${round((good / peak) * 100)} %), after ${round(tookMs(yes, 50))} ms (p50), ` +
          `${round(tookMs(yes, 100))} ms at most; ${no.length} refused in ${round(tookMs(no, 50))} ms (p50), ` +
          `${round(tookMs(settled, 99))} ms (p99; ${round(tookMs(no, 99))} ms with the first ${forMs / 4000} s); resident MiB by tenths ${sizes.join(' ')}`,
      );
      assert.equal(yes.length + no.length, seen.length, 'other responses than yes and no');
      assert.equal(broker.seen.size, yes.length + withStatus(calm, 202).length, 'stored is what was accepted');
      assert.ok(good >= 0.95 * peak, `${good}/s of ${peak}/s`);
      assert.ok(tookMs(settled, 99) <= 5, `refusals took ${tookMs(settled, 99)} ms (p99)`);
      assert.ok(tookMs(yes, 100) <= deadlineMs);
      assert.ok(retries.size > 1 && !retries.has(-1), 'Retry-After without jitter');
      assert.ok(watch.growth() <= growthMebibytesMax, `memory grew by ${watch.growth()} MiB`);
    },
  );

  it('of the process: it goes on', limit, async (t) => {
    const broker = await startBroker(t);
    const { api, url } = await startApi(t, broker.port);
    const forMs = 5000;
    const { seen: calm } = await seenIn(t, { url, ...single, load: { callers: 64 } }, forMs);
    const peak = goodput(calm, forMs);
    const busyBefore = await metric(url, 'process_cpu_seconds_total');
    const { seen, turnedAway } = await seenIn(t, { url, ...single, load: { perSecond: 4 * peak } }, forMs);
    const busySeconds = (await metric(url, 'process_cpu_seconds_total')) - busyBefore;
    const good = goodput(seen, forMs);
    const yes = withStatus(seen, 202);
    const stored = await queuedJobs(broker.port);
    const acknowledged = yes.length + withStatus(calm, 202).length;
    const open = [0, 504].reduce((sum, status) => sum + withStatus(seen, status).length, 0);
    assert.deepEqual(
      seen.filter(({ status }) => ![0, 202, 503, 504].includes(status)),
      [],
    );
    assert.ok(
      stored >= acknowledged && stored <= acknowledged + open,
      `${acknowledged} acknowledged, ${stored} stored`,
    );
    assert.ok(tookMs(yes, 100) <= deadlineMs);
    showed(
      'overload-cpu',
      `peak ${round(peak)}/s; at ${round(((seen.length + turnedAway) / forMs) * 1000)}/s for ${forMs / 1000} s ` +
        `${round(good)}/s accepted (${round((good / peak) * 100)} %), after ${round(tookMs(yes, 50))} ms (p50), ` +
        `${round(tookMs(yes, 100))} ms at most; ${withStatus(seen, 503).length} refused, ` +
        `${withStatus(seen, 0).length} connections not kept, ${turnedAway} more while 9,000 waited; ` +
        `${round(busySeconds)} s of processor time; ${acknowledged} acknowledged in all, ${stored} stored`,
    );
    assert.equal(api.process.exitCode, null, 'the API ended');
    assert.ok(good >= 0.6 * peak, `${good}/s of ${peak}/s`);
  });

  for (const perSecond of [jobsPerSecond, 20_000]) {
    it(`by batches, behind a broker of ${perSecond} jobs a second: single jobs have their share`, limit, async (t) => {
      const broker = await startSlowBroker(t, perSecond);
      const { url } = await startApi(t, broker.port);
      const forMs = 10_000;
      const few = { url, ...single, load: { perSecond: 50 } };
      const jobs = Array.from({ length: 1000 }, (_, a) => ({ operation: 'add', a, b: 1 }));
      const { seen: calm } = await seenIn(t, few, forMs / 2);
      const [{ seen }, { seen: flood }] = await Promise.all([
        seenIn(t, few, forMs),
        seenIn(t, { url, path: '/jobs/batch', body: { jobs }, load: { callers: 8 } }, forMs),
      ]);
      const share = withStatus(seen, 202).length / seen.length;
      showed(
        'batch-flood',
        `${perSecond}/s: ${round((withStatus(flood, 202).length * 1_000_000) / forMs)} jobs/s in batches of 1,000, ` +
          `${withStatus(flood, 503).length} batches refused; of 50 single jobs a second ${round(share * 100)} % accepted, ` +
          `p50 ${round(tookMs(seen, 50))} ms, p99 ${round(tookMs(seen, 99))} ms (${round(tookMs(calm, 99))} ms without)`,
      );
      assert.ok(share >= 0.95, `${share * 100} % of the single jobs were accepted`);
    });
  }
});
