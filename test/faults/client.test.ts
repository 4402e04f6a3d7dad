// The client of callers over a bad path, while the API is killed and restarted: no job is made twice, and none that is
// reported is missing. The same with the keys taken out on the way shows what they are for. FAULTS=1: 100,000 jobs (10,000
// without keys), and two API processes behind one port in front of a real Faktory.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { brokerFolder, startBroker } from '../helpers/broker.ts';
import { createRandom, startFaultProxy, type CutKind, type Fault, type Faults } from '../helpers/fault-proxy.ts';
import { startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { startRedis } from '../helpers/redis.ts';
import { startService, type Service } from '../helpers/service.ts';
import { connectFwp } from '../broker/fwp-client.ts';
import { accountFor, describeTraffic, postJobs, type Traffic } from './client-traffic.ts';
import { showed } from './matrix.ts';
import { fetchedFrom, storedIn } from './seen.ts';

const isFull = process.env['FAULTS'] === '1';
const jobs = isFull ? 100_000 : 2000;
/** Without keys; enough to see what they are for. */
const controlJobs = isFull ? 10_000 : jobs;
const callers = isFull ? 32 : 8;
const jobsPerBatch = isFull ? 250 : 50;
/** By the share of jobs that are reported. */
const killsAt = isFull ? [0.2, 0.4, 0.6, 0.8] : [0.5];

/** Two of three connections are cut after some bytes one way, a tenth of these by a stall. */
function badPath(seed: number): () => Faults {
  const random = createRandom(seed);
  return () => {
    if (random() < 1 / 3) return {};
    const by: CutKind = random() < 0.1 ? 'stall' : random() < 0.5 ? 'rst' : 'fin';
    const fault: Fault = { cut: { afterBytes: 1 + Math.floor(random() * 12_000), by } };
    return random() < 0.5 ? { toBroker: fault } : { toClient: fault };
  };
}

const portOf = async (service: Service): Promise<number> => Number(new URL(await service.readyUrl()).port);

interface Api {
  readonly port: number;
  /** kill -9, and a new process on the same port and folder. */
  killAndRestart(): Promise<void>;
  end(): Promise<unknown>;
  readonly dataDir: string;
}

async function startApi(t: TestContext, more: Record<string, string>, role?: string): Promise<Api> {
  const env = { SHUTDOWN_DRAIN_DELAY_MS: '0', DATA_DIR: brokerFolder(), ...more };
  let service = startService(t, env, role);
  const port = await portOf(service);
  const { dataDir } = service;
  return {
    port,
    dataDir,
    end: () => service.end('SIGTERM'),
    async killAndRestart() {
      await service.end('SIGKILL');
      service = startService(t, { ...env, BIND_ADDR: `127.0.0.1:${port}` }, role);
      await portOf(service);
    },
  };
}

/** Posts all jobs over a bad path, while one API after the other is killed. */
async function postUnderFaults(t: TestContext, apis: readonly Api[], hasKeys: boolean): Promise<Traffic> {
  const count = hasKeys ? jobs : controlJobs;
  const proxy = await startFaultProxy((connection) => (apis[connection % apis.length] as Api).port, {
    faults: badPath(hasKeys ? 1 : 2),
  });
  t.after(() => proxy.close());
  const marks = killsAt.map((share) => Math.round(share * count));
  let killing: Promise<void> = Promise.resolve();
  const onReported = (reported: number): void => {
    if (reported < (marks[0] ?? Infinity)) return;
    marks.shift();
    const api = apis[marks.length % apis.length] as Api;
    killing = killing.then(() => api.killAndRestart());
  };
  const traffic = await postJobs({
    url: `http://127.0.0.1:${proxy.port}`,
    jobs: count,
    callers,
    jobsPerBatch,
    hasKeys,
    onReported,
  });
  await killing;
  return traffic;
}

/** All in one, its worker in a queue that nothing comes to. */
async function onEmbedded(t: TestContext, hasKeys: boolean) {
  const api = await startApi(t, { WORKER_QUEUES: 'nothing' });
  const traffic = await postUnderFaults(t, [api], hasKeys);
  assert.equal(await api.end(), 0);
  // The reader holds all jobs at once, those that are there twice too.
  const { port } = await startBroker(t, {
    dataDir: join(api.dataDir, 'broker'),
    limits: { reservedJobsMax: 2 * jobs },
  });
  return {
    traffic,
    account: accountFor(traffic, await fetchedFrom(await connectFwp(t, { port, wid: 'reader' }), 'reader')),
  };
}

/** Two API processes behind one port. */
async function onFaktory(t: TestContext, hasKeys: boolean) {
  const [faktory, redis] = [await startFaktory(t), await startRedis(t)];
  const more = { FAKTORY_URL: faktory.url, KEYS_URL: redis.url };
  const apis = [await startApi(t, more, 'api'), await startApi(t, more, 'api')];
  const traffic = await postUnderFaults(t, apis, hasKeys);
  return { traffic, account: accountFor(traffic, await storedIn(faktory)) };
}

const kills = `${killsAt.length} kill${killsAt.length === 1 ? '' : 's'}`;

describe('the client, over a path that is cut, with an API that is killed', () => {
  it('enqueues each job once on the embedded broker', async (t) => {
    const { traffic, account } = await onEmbedded(t, true);
    const { doubled, lost, ghosts, stored } = account;
    assert.deepEqual({ doubled, lost, ghosts }, { doubled: 0, lost: 0, ghosts: 0 });
    assert.equal(traffic.enqueued.size, jobs);
    assert.equal(stored, jobs);
    showed('client-embedded', `${kills}: ${describeTraffic(traffic, account)}`);
  });

  it('makes jobs twice when something takes its keys away', async (t) => {
    const { traffic, account } = await onEmbedded(t, false);
    assert.equal(account.lost, 0);
    assert.ok(account.doubled > 0);
    showed('client-embedded', `the same without keys: ${describeTraffic(traffic, account)}`);
  });
});

const skip = isFull ? !faktoryPath() && 'no Faktory on this machine' : 'FAULTS=1 only: minutes';

describe('the client, with two API processes behind one port in front of a real Faktory', { skip }, () => {
  it('enqueues no job twice, and what is missing is reported as unknown', async (t) => {
    const { traffic, account } = await onFaktory(t, true);
    const { doubled, lost, ghosts, stored } = account;
    assert.deepEqual({ doubled, lost, ghosts }, { doubled: 0, lost: 0, ghosts: 0 });
    assert.ok(jobs - stored <= traffic.unknown.size + traffic.refused.size);
    showed('client-faktory', `${kills}: ${describeTraffic(traffic, account)}`);
  });

  it('makes jobs twice when something takes its keys away', async (t) => {
    const { traffic, account } = await onFaktory(t, false);
    assert.equal(account.lost, 0);
    assert.ok(account.doubled > 0);
    showed('client-faktory', `the same without keys: ${describeTraffic(traffic, account)}`);
  });
});
