// The broker dies under steady load, stays away and returns on its port: how soon callers are told, how fast each refusal
// is meanwhile, how often the broker is asked for, and how soon all is well again. FAULTS=1 only, with nothing beside it: it
// measures times.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../../bench/harness/stats.ts';
import { queuedJobs } from '../helpers/broker.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { get, startService, type Service } from '../helpers/service.ts';
import { forkArrivals, nowMs, type Seen } from './arrivals.ts';
import { showed } from './matrix.ts';

const skip = process.env['FAULTS'] !== '1' && 'FAULTS=1 only: it measures times, and a busy machine has its own';
const refusalMsMax = 5;
const recoveryMsMax = 1000;
const perSecond = 200;
/** Looked at after each return. */
const observedMs = 2000;

interface MortalBroker {
  readonly port: number;
  kill(): Promise<unknown>;
  /** Resolves when it listens. */
  restart(): Promise<unknown>;
  /** Jobs that it has. */
  stored(): Promise<number>;
}

async function startEmbedded(t: TestContext): Promise<MortalBroker> {
  const listens = async (service: Service): Promise<number> =>
    Number(String((await service.line(({ msg }) => msg === 'the broker listens'))['broker']).split(':')[1]);
  let service = startService(t, { FAKTORY_BIND: '127.0.0.1:0' }, 'broker');
  const port = await listens(service);
  const env = { FAKTORY_BIND: `127.0.0.1:${port}`, DATA_DIR: service.dataDir };
  return {
    port,
    kill: () => service.end('SIGKILL'),
    restart: () => listens((service = startService(t, env, 'broker'))),
    stored: () => queuedJobs(port),
  };
}

async function startReal(t: TestContext): Promise<MortalBroker> {
  const faktory = await startFaktory(t, { appendonly: 'always' });
  const { port } = faktory;
  return {
    port,
    kill: () => faktory.kill('SIGKILL'),
    restart: () => faktory.restart(),
    stored: () => queuedJobs(port),
  };
}

interface Outage {
  killedMs: number;
  /** Its process starts: on a machine of few cores that is heard by all others. */
  startsMs: number;
  returnedMs: number;
  /** What is looked at of the time after it: until the next one. */
  untilMs: number;
}

/** The API, the path to the broker with every attempt to connect noted, and callers at a steady pace. */
async function setUp(t: TestContext, broker: MortalBroker) {
  const attempts: number[] = [];
  const proxy = await startFaultProxy(broker.port, {
    faults: () => {
      attempts.push(nowMs());
      return {};
    },
  });
  t.after(() => proxy.close());
  const api = startService(t, { FAKTORY_URL: `tcp://127.0.0.1:${proxy.port}` }, 'api');
  const url = await api.url();
  await untilReady(url);
  const callers = await forkArrivals(t, { url, path: '/jobs/add', body: { a: 1, b: 2 }, load: { perSecond } });

  async function outage(awayMs: number): Promise<Outage> {
    const killedMs = nowMs();
    await broker.kill();
    await delay(awayMs);
    const startsMs = nowMs();
    await broker.restart();
    return { killedMs, startsMs, returnedMs: nowMs(), untilMs: Infinity };
  }

  return { api, attempts, callers, outage };
}

async function untilReady(url: string): Promise<void> {
  while ((await get(`${url}/ready`)).status !== 200) await delay(20);
}

/** What one outage looked like from outside. */
function judge(
  { killedMs, startsMs, returnedMs, untilMs }: Outage,
  responses: readonly Seen[],
  attempts: readonly number[],
) {
  const failures = responses.filter(
    ({ status, startedMs, tookMs }) => status !== 202 && startedMs + tookMs >= killedMs && startedMs < returnedMs,
  );
  const toldMs = Math.min(...failures.map(({ startedMs, tookMs }) => startedMs + tookMs));
  const refusals = failures.filter(({ startedMs }) => startedMs > toldMs);
  assert.ok(refusals.length > 10, 'no outage');
  const after = responses.filter(({ startedMs, tookMs }) => startedMs >= returnedMs && startedMs + tookMs < untilMs);
  return {
    toldAfterMs: toldMs - killedMs,
    refusals,
    undisturbed: refusals.filter((one) => one.startedMs + one.tookMs < startsMs),
    attempts: attempts.filter((atMs) => atMs > killedMs && atMs < returnedMs),
    recoveredAfterMs: recoveredMs(after) - returnedMs,
  };
}

/** From when on at most one in a hundred fails. */
function recoveredMs(responses: readonly Seen[]): number {
  let fromMs = Infinity;
  let failed = 0;
  for (let seen = 1; seen <= responses.length; seen++) {
    const response = responses[responses.length - seen] as Seen;
    if (response.status !== 202) failed++;
    if (failed <= seen / 100) fromMs = response.startedMs;
  }
  return fromMs;
}

/** The pause before the attempt that follows so many failed ones, at its shortest. */
const pauseMs = (failures: number): number => Math.min(50 * 2 ** (failures - 1), 500) / 2;

function assertOnePerStep(attempts: readonly number[]): void {
  const gaps = attempts.slice(1).map((atMs, index) => atMs - (attempts[index] as number));
  for (const [index, gapMs] of gaps.entries()) {
    // A timer may be early by a millisecond, and the accepting side late.
    assert.ok(gapMs >= pauseMs(index + 1) * 0.9 - 2, `pauses of ${gaps.map(Math.round).join(', ')} ms`);
  }
}

const tookMs = (seen: readonly Seen[], percent: number): number =>
  percentile(
    seen.map((one) => one.tookMs),
    percent,
  );

function assertFast(refusals: readonly Seen[]): void {
  const ms = tookMs(refusals, 99);
  assert.ok(ms <= refusalMsMax, `refusals took ${ms} ms (p99)`);
}

const range = (values: readonly number[]): string => {
  const [least, most] = [Math.round(Math.min(...values)), Math.round(Math.max(...values))];
  return least === most ? `${most}` : `${least} to ${most}`;
};

async function run(t: TestContext, broker: MortalBroker, rounds: number, upMs: () => number, awayMs: number) {
  const { api, attempts, callers, outage } = await setUp(t, broker);
  const outages: Outage[] = [];
  for (let round = 0; round < rounds; round++) {
    await delay(upMs());
    const last = outages.at(-1);
    if (last) last.untilMs = nowMs();
    outages.push(await outage(awayMs));
  }
  await delay(observedMs);
  const { seen: responses } = await callers.stop();
  assert.equal(api.process.exitCode, null, 'the API ended');
  const seen = outages.map((one) => judge(one, responses, attempts));
  const refusals = seen.flatMap((one) => one.refusals);
  for (const { status } of refusals) assert.ok(status === 503 || status === 504, `${status}`);
  const accepted = responses.filter(({ status }) => status === 202).length;
  const unknown = responses.filter(({ status }) => status === 504).length;
  const stored = await broker.stored();
  assert.ok(stored >= accepted && stored <= accepted + unknown, `${accepted} accepted, ${stored} stored`);
  for (const one of seen) {
    assertOnePerStep(one.attempts);
    assert.ok(one.recoveredAfterMs <= recoveryMsMax, `recovered after ${one.recoveredAfterMs} ms`);
  }
  const undisturbed = seen.flatMap((one) => one.undisturbed);
  assert.ok(undisturbed.length > 100);
  assertFast(undisturbed);
  return (
    `${rounds} outage(s) of ${range(outages.map(({ killedMs, returnedMs }) => (returnedMs - killedMs) / 1000))} s: ` +
    `first failure after ${range(seen.map(({ toldAfterMs }) => toldAfterMs))} ms, ` +
    `then ${refusals.length} refusals, p99 ${tookMs(undisturbed, 99).toFixed(1)} ms ` +
    `(${tookMs(refusals, 99).toFixed(1)} ms with the time in which the broker's process starts beside them); ` +
    `${range(seen.map((one) => one.attempts.length))} attempts to connect; ` +
    `99 % success ${range(seen.map(({ recoveredAfterMs }) => recoveredAfterMs))} ms after the return; ` +
    `${accepted} accepted, ${unknown} unknown, ${stored} stored`
  );
}

const skipReal = faktoryPath() === undefined && 'Faktory is not here';

describe('a broker that is killed under load and returns on its port', { skip }, () => {
  it('embedded', async (t) => {
    const figures = await run(t, await startEmbedded(t), 1, () => 3000, 5000);
    showed('outage-timed', figures);
  });

  it('real Faktory', { skip: skipReal }, async (t) => {
    showed('outage-timed', `real Faktory: ${await run(t, await startReal(t), 1, () => 3000, 5000)}`);
  });

  it('again and again', async (t) => {
    const upMs = (): number => 2000 + Math.random() * 3000;
    showed('crash-loop-timed', await run(t, await startEmbedded(t), 10, upMs, 500));
  });
});

describe('a broker that is not there when the API starts', { skip }, () => {
  it('is refused for at once, and found when it comes', async (t) => {
    const broker = await startEmbedded(t);
    await broker.kill();
    const api = startService(t, { FAKTORY_URL: `tcp://127.0.0.1:${broker.port}` }, 'api');
    const url = await api.url();
    assert.equal((await get(`${url}/health`)).status, 200);
    assert.equal((await get(`${url}/ready`)).status, 503);
    const callers = await forkArrivals(t, { url, path: '/jobs/add', body: { a: 1, b: 2 }, load: { perSecond } });
    await delay(3000);
    await broker.restart();
    const returnedMs = nowMs();
    await untilReady(url);
    const readyMs = nowMs() - returnedMs;
    await delay(observedMs);
    const { seen: responses } = await callers.stop();
    // The first requests of a process run cold code.
    const before = responses.slice(20).filter(({ startedMs, tookMs }) => startedMs + tookMs < returnedMs);
    assert.ok(before.length > 10 && before.every(({ status }) => status === 503));
    const recoveredAfterMs = recoveredMs(responses.filter(({ startedMs }) => startedMs >= returnedMs)) - returnedMs;
    assertFast(before);
    // /ready asks the broker at most once a second.
    assert.ok(readyMs <= 1250 && recoveredAfterMs <= recoveryMsMax);
    showed(
      'absent-timed',
      `${before.length} refusals, p99 ${tookMs(before, 99).toFixed(1)} ms; ready ${Math.round(readyMs)} ms, ` +
        `99 % success ${Math.round(recoveredAfterMs)} ms after it came`,
    );
  });
});
