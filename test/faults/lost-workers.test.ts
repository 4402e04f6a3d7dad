// Workers of the embedded broker that are gone without a word, with jobs that wait: the jobs run again soon, each attempt is
// counted, and a worker that comes back in time keeps its own. FAULTS=1 takes the program's own 15 s and all rounds.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createJid } from '../../src/domain/jid.ts';
import { connectFwp, type FwpClient } from '../broker/fwp-client.ts';
import { brokerFolder, startBroker } from '../helpers/broker.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { writeJobs } from '../helpers/job-folder.ts';
import { startService, type Service } from '../helpers/service.ts';
import { until } from '../helpers/until.ts';
import { showed } from './matrix.ts';

const isFull = process.env['FAULTS'] === '1';
const count = 50;

const note = `const { appendFileSync } = await import('node:fs');
    appendFileSync(process.env.STARTS, jid + ' ' + attempt + ' ' + Date.now() + '\\n');`;
const definitions = {
  long: `args: z.object({}), reserveFor: 600, async run(_, { jid, attempt }) {
    ${note}
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    return null;
  }`,
  // The handler process, and the one that it works for.
  deadly: `args: z.object({}), reserveFor: 600, async run(_, { jid, attempt }) {
    ${note}
    process.kill(process.ppid, 'SIGKILL');
    await new Promise(() => undefined);
    return null;
  }`,
};

interface Start {
  jid: string;
  attempt: number;
  startedMs: number;
}

async function setUp(t: TestContext) {
  const jobsDir = await writeJobs(t, definitions);
  const starts = join(jobsDir, '_starts');
  appendFileSync(starts, '');
  return { starts, env: { JOBS_DIR: jobsDir, STARTS: starts } };
}

function startsIn(file: string): Start[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter(Boolean).map((line) => {
    const [jid = '', attempt, startedMs] = line.split(' ');
    return { jid, attempt: Number(attempt), startedMs: Number(startedMs) };
  });
}

async function untilStarted(file: string, sum: number): Promise<Start[]> {
  await until(`${sum} starts`, () => startsIn(file).length >= sum);
  return startsIn(file);
}

const pushOf = (jobtype: string, jids: readonly string[], retry = 25): string =>
  `PUSHB ${JSON.stringify(jids.map((jid) => ({ jid, jobtype, args: [{}], retry, reserve_for: 600 })))}`;

async function push(client: FwpClient, jobtype: string, jobs = 1): Promise<string[]> {
  const jids = Array.from({ length: jobs }, () => createJid());
  assert.equal(await client.ask(pushOf(jobtype, jids)), '{}');
  return jids;
}

const jidsOf = (starts: readonly Start[]): string[] => starts.map(({ jid }) => jid).sort();
const lastOf = (starts: readonly Start[]): number => Math.max(...starts.map(({ startedMs }) => startedMs));

const listens = ({ msg }: { msg?: string }): boolean => msg === 'the embedded broker listens';

/** To the embedded broker of an all-in-one that was started with this password. */
async function connectTo(t: TestContext, service: Service, password: string): Promise<FwpClient> {
  const address = String((await service.line(listens))['broker']);
  return connectFwp(t, { port: Number(address.split(':').at(-1)), password });
}

describe('the all-in-one that is killed', { timeout: 300_000 }, () => {
  it('runs its jobs again when it is back', async (t) => {
    const { starts, env: own } = await setUp(t);
    const env = { ...own, DATA_DIR: brokerFolder(), FAKTORY_PASSWORD: 'secret' };
    let service = startService(t, env);
    const jids = await push(await connectTo(t, service, 'secret'), 'long', count);
    const seen: number[] = [];
    for (let round = 1; round <= (isFull ? 5 : 1); round++) {
      await untilStarted(starts, count * round);
      await service.end('SIGKILL');
      service = startService(t, env);
      const readyMs = Date.parse(String((await service.line(listens))['time']));
      const again = (await untilStarted(starts, count * (round + 1))).slice(count * round);
      assert.deepEqual(jidsOf(again), [...jids].sort());
      assert.ok(again.every(({ attempt }) => attempt === round + 1));
      seen.push(lastOf(again) - readyMs);
      if (isFull) assert.ok((seen.at(-1) ?? 0) < 10_000, `${seen.at(-1)} ms after the return`);
    }
    showed(
      'all-in-one-killed',
      `${seen.length} kills: the last of ${count} jobs ran ${seen.join(', ')} ms after the return`,
    );
  });

  it('leaves them to their reservations where BROKER_LOST_WORKER_SECONDS is 0', async (t) => {
    const { starts, env: own } = await setUp(t);
    const env = { ...own, DATA_DIR: brokerFolder(), FAKTORY_PASSWORD: 'secret', BROKER_LOST_WORKER_SECONDS: '0' };
    const service = startService(t, env);
    await push(await connectTo(t, service, 'secret'), 'long');
    await untilStarted(starts, 1);
    await service.end('SIGKILL');
    const client = await connectTo(t, startService(t, env), 'secret');
    const { faktory } = (await client.askJson('INFO')) as { faktory: { sets: Record<string, number> } };
    assert.equal(faktory.sets['working'], 1);
  });

  it('buries the job that kills it each time, and goes on with the others', async (t) => {
    const { starts, env: own } = await setUp(t);
    const env = { ...own, DATA_DIR: brokerFolder(), FAKTORY_PASSWORD: 'secret' };
    const retry = 2;
    let service = startService(t, env);
    const jid = createJid();
    // The job may run before its acknowledgement has come.
    (await connectTo(t, service, 'secret')).socket.write(`${pushOf('deadly', [jid], retry)}\r\n`);
    for (let run = 0; run <= retry; run++) {
      assert.equal(await service.exited, null);
      service = startService(t, env);
    }
    const client = await connectTo(t, service, 'secret');
    const { faktory } = (await client.askJson('INFO')) as { faktory: { sets: Record<string, number> } };
    assert.deepEqual([faktory.sets['dead'], faktory.sets['working'], faktory.sets['retries']], [1, 0, 0]);
    await push(client, 'long');
    const runs = await untilStarted(starts, retry + 2);
    assert.deepEqual(
      runs.map((one) => [one.jid === jid, one.attempt]),
      [
        [true, 1],
        [true, 2],
        [true, 3],
        [false, 1],
      ],
    );
    showed('job-kills', `retry ${retry}: ${retry + 1} runs and kills, then dead; the next job ran`);
  });
});

describe('a worker of the embedded broker', { timeout: 120_000 }, () => {
  it('that is killed has its jobs run by one that waits', async (t) => {
    const broker = await startBroker(t, isFull ? {} : { lostWorkerMs: 1000 });
    const { starts, env: own } = await setUp(t);
    const env = { ...own, FAKTORY_URL: broker.url };
    const client = await connectFwp(t, { port: broker.port });
    const jids = await push(client, 'long', count);
    const one = startService(t, env, 'worker');
    await untilStarted(starts, count);
    const other = startService(t, env, 'worker');
    await other.line(({ msg }) => msg === 'the worker runs');
    await one.end('SIGKILL');
    const killedMs = Date.now();
    const again = (await untilStarted(starts, 2 * count)).slice(count);
    assert.deepEqual(jidsOf(again), [...jids].sort());
    assert.ok(again.every(({ attempt }) => attempt === 2));
    const lateMs = lastOf(again) - killedMs;
    if (isFull) assert.ok(lateMs < 20_000, `${lateMs} ms after the kill`);
    showed('worker-lost', `the last of ${count} jobs ran ${lateMs} ms after the kill`);
  });

  it('that is cut off for a while keeps its jobs', async (t) => {
    const [lostWorkerMs, awayMs] = isFull ? [15_000, 5000] : [8000, 1000];
    const broker = await startBroker(t, { lostWorkerMs });
    const path = await startFaultProxy(broker.port);
    const { starts, env: own } = await setUp(t);
    const client = await connectFwp(t, { port: broker.port });
    await push(client, 'long', count);
    const worker = startService(t, { ...own, FAKTORY_URL: `tcp://127.0.0.1:${path.port}` }, 'worker');
    await untilStarted(starts, count);
    await path.close();
    await delay(awayMs);
    const again = await startFaultProxy(broker.port, { listenPort: path.port });
    t.after(() => again.close());
    await worker.line(({ msg }) => msg === 'the broker is there again');
    await delay(lostWorkerMs + 2000);
    assert.equal(startsIn(starts).length, count);
    const { faktory } = (await client.askJson('INFO')) as { faktory: { sets: Record<string, number> } };
    assert.equal(faktory.sets['working'], count);
    showed('worker-cut-off', `${count} jobs, ${awayMs} ms without a connection: all kept, none ran twice`);
  });
});
