// The worker with jobs of handler processes that the test plays: what is recorded, what the broker is told, when a job is
// fetched, and what a stop gives back.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { z } from 'zod';
import { systemClock } from '../../src/domain/clock.ts';
import { createRegistry, type JobType } from '../../src/domain/job-type.ts';
import type { JobRecord } from '../../src/domain/results.ts';
import type { FromHandler } from '../../src/handlers/messages.ts';
import { builtInTypes } from '../../src/jobs/built-in.ts';
import { compileDefinition } from '../../src/jobs/compile-definition.ts';
import type { WorkerOptions } from '../../src/worker/worker.ts';
import { createScene, type ScriptedProcess } from '../handlers/scripted-processes.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';
import { bulk } from '../helpers/scripted-broker.ts';
import { until } from '../helpers/until.ts';
import {
  createHeldResults,
  job,
  nil,
  startFetchScript,
  startWorker,
  type FetchScript,
  type StartedWorker,
} from './worker-harness.ts';

function typeOf(name: string, fields: object = {}): JobType {
  const compiled = compileDefinition({ name, args: z.object({}).loose(), run: () => null, ...fields });
  assert.ok('type' in compiled, JSON.stringify(compiled));
  return compiled.type;
}

const resize = typeOf('resize', { reserveFor: 600, timeoutSeconds: 300 });
const registry = createRegistry([...builtInTypes, resize]);

async function start(t: TestContext, broker: FetchScript, options: Partial<WorkerOptions> = {}) {
  const { clock = systemClock } = options;
  const { handlers, processes, lines } = createScene(clock, () => worker.onHandlersChange());
  const results = createHeldResults();
  const given = { registry, handlers, results, ...options };
  const worker: StartedWorker = startWorker(t, broker.port, given);
  const process = processes[0] as ScriptedProcess;
  process.say({ type: 'ready' });
  /** Resolves with the ids of the runs that were sent so far, as soon as there are so many. */
  async function sent(count: number): Promise<number[]> {
    for (;;) {
      const ids = process.sent.filter(({ type }) => type === 'run').map(({ id }) => id);
      if (ids.length >= count) return ids;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { worker, process, handlers, results, lines, sent };
}

const custom = { request_id: 'r-1' };
const enqueued_at = '2030-01-01T00:00:00Z';
const resizing = (fields: object = {}): string =>
  job({ jobtype: 'resize', args: [{ width: 5 }], custom, enqueued_at, reserve_for: 600, ...fields });
const lineOf = (broker: FetchScript, verb: string): Record<string, unknown> =>
  JSON.parse(broker.lines.find((line) => line.startsWith(`${verb} `))?.slice(verb.length + 1) ?? 'null');
const threw = (id: number): FromHandler => ({
  ...{ type: 'threw', id, errtype: 'RangeError', message: 'too wide' },
  backtrace: ['at run (resize.mjs:3:9)'],
});

function fieldsOf(record: JobRecord | undefined): Partial<JobRecord> {
  assert.ok(record);
  const { started_at, finished_at, job_id, ...fields } = record;
  assert.ok(Date.parse(started_at ?? '') > 0 && job_id.length > 8);
  if (record.state !== 'pending') assert.ok(Date.parse(finished_at ?? '') >= Date.parse(started_at ?? ''));
  return fields;
}

const info = (description: string): string =>
  bulk(JSON.stringify({ faktory: {}, server: { description, faktory_version: '1.9.4' } }));

const about = { operation: 'resize', request_id: 'r-1', enqueued_at };

describe('a job of a handler process', () => {
  it('is recorded with its result and its times, then acknowledged', async (t) => {
    const broker = await startFetchScript(t);
    const { process, results, sent, worker } = await start(t, broker);
    broker.enqueue([resizing({ failure: { retry_count: 0 } })]);
    const [id = 0] = await sent(1);
    assert.equal(worker.stats.running, 1);
    process.say({ type: 'succeeded', id, result: { bytes: 7 } });
    await broker.reported('ACK', 1);
    const record = { state: 'succeeded', ...about, result: { bytes: 7 }, attempts: 2 };
    assert.deepEqual(fieldsOf(results.told[0]), record);
    assert.deepEqual([worker.stats.running, worker.stats.succeeded], [0, 1]);
  });

  it('goes back to the broker with type, message and backtrace when it throws', async (t) => {
    const broker = await startFetchScript(t);
    const { process, results, sent } = await start(t, broker);
    broker.enqueue([resizing(), resizing({ retry: 0 })]);
    for (const id of await sent(2)) process.say(threw(id));
    await broker.reported('FAIL', 2);
    const { errtype, message, backtrace } = lineOf(broker, 'FAIL');
    assert.deepEqual([errtype, message, backtrace], ['RangeError', 'too wide', ['at run (resize.mjs:3:9)']]);
    const [retried, last] = results.puts.flat().map(fieldsOf);
    const told = { ...about, error: 'too wide', errtype: 'RangeError', attempts: 1 };
    assert.deepEqual(retried, { state: 'pending', ...told });
    assert.deepEqual(last, { state: 'failed', ...told });
  });

  it('has failed for good when its process says so', async (t) => {
    const broker = await startFetchScript(t);
    const { process, results, sent } = await start(t, broker);
    broker.enqueue([resizing()]);
    const [id = 0] = await sent(1);
    process.say({ type: 'failed', id, errtype: 'PermanentError', message: 'no such image' });
    await broker.reported('ACK', 1);
    const told = { error: 'no such image', errtype: 'PermanentError', attempts: 1 };
    assert.deepEqual(fieldsOf(results.puts.flat()[0]), { state: 'failed', ...about, ...told });
  });

  it('stores its progress, the latest at most once a second, and none after its end', async (t) => {
    const broker = await startFetchScript(t);
    const { process, results, sent } = await start(t, broker);
    broker.enqueue([resizing(), resizing()]);
    const [one = 0, other = 0] = await sent(2);
    for (const percent of [10, 20]) process.say({ type: 'progress', id: one, percent, note: 'so far' });
    await until('a put', () => results.puts.length > 0);
    const progress = { percent: 20, note: 'so far' };
    assert.deepEqual(fieldsOf(results.puts[0]?.[0]), { state: 'pending', ...about, attempts: 1, progress });
    process.say({ type: 'progress', id: one, percent: 30 });
    process.say({ type: 'progress', id: other, percent: 30 });
    process.say({ type: 'succeeded', id: one, result: null });
    await broker.reported('ACK', 1);
    await until('three puts', () => results.puts.length === 3);
    assert.deepEqual(
      results.puts.map((records) => records.map(({ state, progress: told }) => [state, told?.percent])),
      [[['pending', 20]], [['succeeded', undefined]], [['pending', 30]]],
    );
  });

  it('has the time of its type, and no more than its own reservation leaves', async (t) => {
    const broker = await startFetchScript(t);
    const delays: number[] = [];
    const clock = {
      ...systemClock,
      after(ms: number, fn: () => void) {
        delays.push(ms);
        return systemClock.after(ms, fn);
      },
    };
    const long = typeOf('long', { reserveFor: 600 });
    const { sent } = await start(t, broker, { clock, registry: createRegistry([resize, long]) });
    const times: [object, number][] = [
      [{}, 300],
      [{ reserve_for: 120 }, 110],
      [{ reserve_for: 5 }, 50],
      [{ jobtype: 'long' }, 590],
      [{ jobtype: 'long', reserve_for: 3600 }, 3590],
      [{ jobtype: 'long', reserve_for: undefined }, 590],
      [{ jobtype: 'long', reserve_for: 'x' }, 1790],
    ];
    broker.enqueue(times.map(([fields]) => resizing(fields)));
    await sent(times.length);
    const long_ = delays.map(Math.ceil).filter((ms) => ms >= 50_000);
    assert.deepEqual(long_, times.map(([, seconds]) => seconds * 1000)); // prettier-ignore
  });
});

describe('a job whose process is replaced because another one blocks it', () => {
  /** Three jobs without a retry; the first one blocks. Resolves with what the broker is told of each. */
  async function replace(t: TestContext, description: string) {
    const broker = await startFetchScript(t, (line) => (line === 'INFO' ? info(description) : undefined));
    const clock = createFakeClock();
    const { handlers, processes } = createScene(clock, () => worker.onHandlersChange());
    const results = createHeldResults();
    const worker: StartedWorker = startWorker(t, broker.port, { registry, handlers, results });
    await broker.until(() => broker.lines.includes('INFO'));
    processes[0]?.say({ type: 'ready' });
    broker.enqueue([0, 1, 2].map(() => resizing({ retry: 0 })));
    while (worker.stats.running < 3) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(305_000);
    await broker.reported('FAIL', 3);
    while (worker.stats.reporting > 0) await new Promise((resolve) => setImmediate(resolve));
    const fails = broker.lines.filter((line) => line.startsWith('FAIL'));
    return {
      told: fails.map((line) => JSON.parse(line.slice('FAIL '.length)) as Record<string, unknown>),
      mutations: broker.lines.filter((line) => line.startsWith('MUTATE')),
      recorded: results.told.map(({ job_id, state, errtype }) => ({ job_id, state, errtype })),
      messages: worker.lines.map(({ message }) => message).filter((message) => message.startsWith('job')),
    };
  }

  it('is queued again by the embedded broker, also without a retry, and nothing is recorded', async (t) => {
    const { told, mutations, recorded, messages } = await replace(t, 'Work Factory');
    const ends = told.map((fail) => [fail['errtype'], fail['give_back']].join(' '));
    assert.deepEqual(ends.sort(), ['GivenBack true', 'GivenBack true', 'Timeout ']);
    const blocked = told.find(({ errtype }) => errtype === 'Timeout');
    assert.deepEqual(recorded, [{ job_id: blocked?.['jid'], state: 'failed', errtype: 'Timeout' }]);
    assert.deepEqual(mutations, []);
    assert.deepEqual(messages.sort(), [
      'job failed: gone, as its retry is 0',
      'job given back: queued again',
      'job given back: queued again',
    ]);
  });

  it('is gone from Faktory without a retry, which is recorded and logged', async (t) => {
    const { recorded, mutations, messages } = await replace(t, 'Faktory');
    assert.deepEqual(recorded.map(({ state, errtype }) => `${state} ${errtype}`).sort(), [
      'failed GivenBack',
      'failed GivenBack',
      'failed Timeout',
    ]);
    assert.deepEqual(mutations, []);
    assert.deepEqual(
      messages.slice(-2),
      [0, 1].map(() => 'job given back: gone, as its retry is 0'),
    );
  });
});

describe('a job whose expires_at is past', () => {
  it('is not run, whatever its type; it is recorded as expired and acknowledged', async (t) => {
    const broker = await startFetchScript(t);
    const { process, results, worker } = await start(t, broker);
    const past = { custom: { expires_at: new Date(Date.now() - 1000).toISOString() } };
    broker.enqueue([resizing(past), job(past)]);
    await broker.reported('ACK', 2);
    const records = results.puts.flat().map(({ state, operation, attempts }) => [state, operation, attempts]);
    assert.deepEqual(records, [
      ['expired', 'resize', 0],
      ['expired', 'add', 0],
    ]);
    assert.deepEqual([process.sent, worker.stats.succeeded, worker.stats.failed], [[], 0, 0]);
    assert.ok(worker.lines.some(({ message }) => message === 'job expired'));
  });

  it('is run before, and when the time is none', async (t) => {
    const broker = await startFetchScript(t);
    const { sent } = await start(t, broker);
    const times = [new Date(Date.now() + 60_000).toISOString(), 'tomorrow', 5, null];
    broker.enqueue(times.map((expires_at) => resizing({ custom: { expires_at } })));
    await sent(times.length);
  });
});

describe('the slots', () => {
  it('count running jobs: no more are fetched than may run', async (t) => {
    const broker = await startFetchScript(t);
    const { process, sent, worker } = await start(t, broker, { concurrency: 3 });
    broker.enqueue(Array.from({ length: 10 }, () => resizing()));
    const ids = await sent(3);
    // The broker answers each FETCH at once: a fourth would have come with them.
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual([worker.stats.running, worker.stats.fetching, (await sent(3)).length], [3, 0, 3]);
    process.say({ type: 'succeeded', id: ids[0] as number, result: null });
    await sent(4);
    assert.equal(worker.stats.running, 3);
  });

  it('are filled only while a handler process is ready', async (t) => {
    const broker = await startFetchScript(t);
    const { handlers, processes } = createScene(systemClock, () => worker.onHandlersChange());
    const worker: StartedWorker = startWorker(t, broker.port, { registry, handlers });
    await broker.until(() => broker.peers.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(worker.stats.fetching, 0);
    processes[0]?.say({ type: 'ready' });
    await broker.until(() => broker.held.length === 1);
  });
});

describe('the queues', () => {
  const queues = ['a', 'b', 'c'];

  async function fetchLines(t: TestContext, isInOrder: boolean): Promise<string[]> {
    const broker = await startFetchScript(t);
    startWorker(t, broker.port, { queues, isInOrder, concurrency: 1 });
    for (let count = 0; count < 40; count++) {
      await broker.until(() => broker.held.length === 1);
      broker.replyToFetch(bulk(job()));
    }
    return broker.lines.filter((line) => line.startsWith('FETCH'));
  }

  it('are in another order in each FETCH, so that none keeps the others from being served', async (t) => {
    const lines = await fetchLines(t, false);
    for (const line of lines) assert.deepEqual(line.split(' ').slice(1).sort(), queues);
    assert.equal(new Set(lines).size, 6);
  });

  it('that hold no jobs of handler processes are served while none is ready', async (t) => {
    const broker = await startFetchScript(t);
    const types = [
      ...builtInTypes,
      typeOf('resize', { queue: 'images' }),
      typeOf('mail', { queue: 'mails', run: undefined }),
    ];
    const { handlers, processes } = createScene(systemClock, () => worker.onHandlersChange());
    const worker: StartedWorker = startWorker(t, broker.port, {
      ...{ registry: createRegistry(types), handlers, concurrency: 1 },
      queues: ['default', 'images', 'mails'],
    });
    const served = async (): Promise<string | undefined> => {
      await broker.until(() => broker.held.length === 1);
      return broker.lines.findLast((line) => line.startsWith('FETCH'));
    };
    assert.equal(await served(), 'FETCH default mails');
    processes[0]?.say({ type: 'ready' });
    broker.replyToFetch(bulk(job()));
    assert.equal(await served(), 'FETCH default images mails');
    processes[0]?.end('ended with exit code 1');
    broker.replyToFetch(bulk(job()));
    assert.equal(await served(), 'FETCH default mails');
  });

  it('stay in the order of WORKER_QUEUES', async (t) => {
    assert.deepEqual([...new Set(await fetchLines(t, true))], ['FETCH a b c']);
  });
});

describe('a stop', () => {
  async function stopWithTwo(t: TestContext, description: string) {
    const broker = await startFetchScript(t, (line) => (line === 'INFO' ? info(description) : undefined));
    const scene = await start(t, broker);
    const texts = [resizing(), resizing(), resizing({ retry: 0 })];
    broker.enqueue(texts);
    const [quick = 0] = await scene.sent(3);
    const stopped = scene.worker.stop(1000);
    while (broker.held.length > 0) broker.replyToFetch(nil);
    await until('an abort', () => scene.process.sent.some(({ type }) => type === 'abort'));
    scene.process.say({ type: 'succeeded', id: quick, result: 1 });
    await stopped;
    const jids = texts.map((text) => (JSON.parse(text) as { jid: string }).jid);
    return { broker, jids, ...scene };
  }

  it('fails jobs that go on, and has Faktory queue them again at once', async (t) => {
    const { broker, jids, process, results, worker } = await stopWithTwo(t, 'Faktory');
    assert.equal(process.isKilled, true);
    assert.deepEqual(await broker.reported('ACK', 1), [jids[0]]);
    assert.deepEqual((await broker.reported('FAIL', 2)).sort(), jids.slice(1).sort());
    // The one without a retry is gone with its FAIL: at most once is what it asked for.
    const filter = { jids: [jids[1]] };
    const mutations = broker.lines.filter((line) => line.startsWith('MUTATE'));
    assert.deepEqual(
      mutations,
      ['retries', 'dead'].map((target) => `MUTATE ${JSON.stringify({ cmd: 'requeue', target, filter })}`),
    );
    const lastFail = broker.lines.findLastIndex((line) => line.startsWith('FAIL'));
    assert.ok(broker.lines.indexOf(mutations[0] as string) > lastFail);
    const messages = worker.lines.map(({ message }) => message).filter((message) => message.startsWith('job given'));
    assert.deepEqual(messages.sort(), ['job given back', 'job given back: gone, as its retry is 0']);
    const states = results.puts.flat().map(({ job_id, state }) => [job_id, state]);
    assert.deepEqual(states, [
      [jids[0], 'succeeded'],
      [jids[2], 'failed'],
    ]);
  });

  it('leaves them to the embedded broker, which takes them back at END', async (t) => {
    const { broker, jids, process } = await stopWithTwo(t, 'Work Factory');
    assert.equal(process.isKilled, true);
    assert.deepEqual(await broker.reported('ACK', 1), [jids[0]]);
    assert.ok(!broker.lines.some((line) => /^(FAIL|MUTATE)/.test(line)));
  });
});
