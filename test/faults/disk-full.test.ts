// Full disks under load: of a Faktory as it comes, of one whose Redis syncs, and of the embedded broker as a process. A limit
// of file size, set and lifted from outside, stands in for the disk: a write beyond it fails as on a full one, with another
// word (EFBIG). FAULTS=1 only, on Linux only. Writes that fail within the embedded broker: test/broker/store-failure.test.ts.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { connectFwp } from '../broker/fwp-client.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { get, startService, type Service } from '../helpers/service.ts';
import { succeeds, until } from '../helpers/until.ts';
import { describeFindings, type Facts } from './conservation.ts';
import { createCallers, startCrowd, type Callers } from './crowd.ts';
import { showed } from './matrix.ts';
import { assertConserved, factsOf, setUpScene } from './scene.ts';
import { fetchedFrom } from './seen.ts';

const isFull = process.env['FAULTS'] === '1';
const canLimit = spawnSync('prlimit', ['--version']).status === 0;
const skip = (!isFull && 'FAULTS=1 only: some seconds') || (!canLimit && 'no prlimit on this machine');
const crowd = { singles: 8, batches: 2, jobsPerBatch: 50 };
const jobsBefore = 500;
const fullMs = 1000;
/** Redis tries a snapshot that failed again after 5 s. */
const recoveryMsMax = 8000;

/** The soft limit: it can be lifted again without being root. */
function limitFiles(pid: number, bytes: number | undefined): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes ?? 'unlimited'}:`]);
}

const outcomesOf = ({ offered }: Callers): Set<string> => new Set(offered.map(({ outcome }) => outcome));

/** Resolves when what was asked for after `sinceMs` is acknowledged again; gives up in time. */
async function untilServed(callers: Callers, sinceMs: number): Promise<number> {
  const gaveUp = delay(recoveryMsMax, 'gave up' as const, { ref: false });
  const end = await Promise.race([callers.untilAcknowledged(callers.acknowledged + jobsBefore), gaveUp]);
  assert.notEqual(end, 'gave up', 'nothing was acknowledged again');
  const served = callers.offered.filter(({ outcome, askedMs }) => outcome === 'enqueued' && askedMs > sinceMs);
  return Math.round(Math.min(...served.map(({ repliedMs }) => repliedMs)) - sinceMs);
}

const untilRefused = ({ offered }: Callers, reason: RegExp): Promise<void> =>
  until(`a job is refused for ${String(reason)}`, () =>
    offered.some(({ outcome, detail = '' }) => outcome === 'refused' && reason.test(detail)),
  );

/** The largest file below a folder. */
const largestBytes = (folder: string): number =>
  Math.max(
    ...readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).size),
  );

const untilExited = (pid: number): Promise<void> =>
  until(`the end of process ${pid}`, async () => !(await succeeds(async () => process.kill(pid, 0))));

describe('a full disk', { skip }, () => {
  it(
    'of a stock Faktory is refused for by name, and forgotten when there is room',
    { skip: !faktoryPath() },
    async (t) => {
      const scene = await setUpScene(t);
      const { faktory, callers, url } = scene;
      const redis = new Redis(join(faktory.dir, 'redis.sock'));
      // Else the next snapshot is due after 30 s, and only then may one that failed be tried again.
      await redis.config('SET', 'save', '1 1');
      redis.disconnect();
      const load = startCrowd(t, callers, crowd);
      await callers.untilAcknowledged(jobsBefore);
      limitFiles(faktory.redisPid(), 4096);
      await untilRefused(callers, /^MISCONF/);
      await delay(fullMs);
      const ready = await get(`${url}/ready`);
      assert.equal(ready.status, 503, JSON.stringify(ready.body));
      limitFiles(faktory.redisPid(), undefined);
      const servedMs = await untilServed(callers, performance.now());
      await load.stop();
      const facts = await factsOf(scene);
      showed(
        'faktory-disk-full',
        `${describeFindings(facts, assertConserved(facts))}; enqueued again ${servedMs} ms after`,
      );
    },
  );

  it(
    'of a Faktory that syncs ends it, and loses nothing that was acknowledged',
    { skip: !faktoryPath() },
    async (t) => {
      const scene = await setUpScene(t, { appendonly: 'always' });
      const { faktory, callers } = scene;
      const load = startCrowd(t, callers, crowd);
      await callers.untilAcknowledged(jobsBefore);
      limitFiles(faktory.redisPid(), largestBytes(join(faktory.dir, 'appendonlydir')) + 100_000);
      await untilExited(faktory.pid());
      await delay(fullMs);
      await faktory.restart();
      const servedMs = await untilServed(callers, performance.now());
      await load.stop();
      const facts = await factsOf(scene);
      const figures = describeFindings(facts, assertConserved(facts));
      showed('faktory-disk-full-fsync', `${figures}; enqueued again ${servedMs} ms after the restart`);
    },
  );

  it('of the embedded broker is told truly, and nothing is lost when it is killed after it', async (t) => {
    const { broker, port } = await startEmbedded(t, {});
    const api = startService(t, { FAKTORY_URL: `tcp://127.0.0.1:${port}`, SHUTDOWN_DRAIN_DELAY_MS: '0' }, 'api');
    const callers = createCallers(await api.url());
    const load = startCrowd(t, callers, crowd);
    await callers.untilAcknowledged(jobsBefore);
    // The log is written beforehand: it has room on a full disk, and a limit beyond its end would not be met.
    limitFiles(broker.process.pid as number, 4096);
    await untilRefused(callers, /^not stored/);
    await delay(fullMs);
    limitFiles(broker.process.pid as number, undefined);
    const servedMs = await untilServed(callers, performance.now());
    assert.equal(await broker.end('SIGKILL'), null);
    await load.stop();
    assert.deepEqual(outcomesOf(callers), new Set(['enqueued', 'refused', 'unknown']));
    const again = await startEmbedded(t, { DATA_DIR: broker.dataDir });
    const stored = await fetchedFrom(await connectFwp(t, { port: again.port }));
    const facts: Facts = { offered: callers.offered, stored, run: [] };
    showed(
      'embedded-disk-full',
      `${describeFindings(facts, assertConserved(facts))}; enqueued again ${servedMs} ms after`,
    );
  });
});

async function startEmbedded(t: TestContext, env: Record<string, string>): Promise<{ broker: Service; port: number }> {
  const broker = startService(t, { FAKTORY_BIND: '127.0.0.1:0', ...env }, 'broker');
  const { broker: address } = await broker.line(({ msg }) => msg === 'the broker listens');
  return { broker, port: Number(String(address).split(':').at(-1)) };
}
