// The worker's loop against a broker that a test plays: what it asks for, what it says of jobs, and how it ends.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bulk } from '../helpers/scripted-broker.ts';
import { until } from '../helpers/until.ts';
import {
  createHeldResults,
  job,
  nil,
  startFetchScript,
  startWorker,
  throwingRegistry,
  type LogLine,
  type StartedWorker,
} from './worker-harness.ts';

const jobs = (count: number): string[] => Array.from({ length: count }, () => job());
const jidOf = (text: string): string => (JSON.parse(text) as { jid: string }).jid;
const never = new Promise<void>(() => undefined);
/** A broker that answers FETCHes when the worker stops: there are ten on a connection, however near it is. */
const asEmbedded = (line: string): string | undefined =>
  line === 'INFO' ? bulk('{"server":{"description":"Work Factory"}}') : undefined;

describe('the fetch loop', () => {
  it('fills its slots with at most 10 FETCHes on a connection while there are jobs', async (t) => {
    const broker = await startFetchScript(t, asEmbedded);
    broker.enqueue(jobs(60));
    startWorker(t, broker.port, { concurrency: 25 });
    await broker.reported('ACK', 60);
    await broker.until(() => broker.held.length === 25);
    const perPeer = broker.peers.map((peer) => broker.held.filter((one) => one === peer).length);
    assert.equal(perPeer.filter((count) => count > 0).length, 3);
    assert.ok(Math.max(...perPeer) <= 10, `${perPeer.join(', ')} FETCHes by connection`);
  });

  it('sends one FETCH on each connection while the queue is empty', async (t) => {
    const broker = await startFetchScript(t);
    startWorker(t, broker.port, { concurrency: 30 });
    await broker.until(() => broker.held.length === 3);
    assert.equal(new Set(broker.held).size, 3);
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      for (const peer of [...broker.held]) broker.replyToFetch(nil, peer);
      await broker.until(() => broker.held.length === 3);
      assert.equal(new Set(broker.held).size, 3);
    }
  });

  it('sends nothing after a nil until the FETCHes of that connection are answered, then one', async (t) => {
    const broker = await startFetchScript(t, asEmbedded);
    broker.enqueue(jobs(20));
    startWorker(t, broker.port, { concurrency: 10 });
    await broker.until(() => broker.held.length === 10);
    const sent = (): number => broker.lines.filter((line) => line.startsWith('FETCH')).length;
    const before = sent();
    for (let left = 9; left > 0; left--) {
      // Nils leave no trace; the ACK of a job behind them shows that they were handled.
      broker.replyToFetch(left % 3 === 1 ? bulk(job()) : nil);
      if (left % 3 === 1) await broker.reported('ACK', 20 + (10 - left) / 3);
    }
    assert.equal(sent(), before);
    broker.replyToFetch(nil);
    await broker.until(() => broker.held.length === 1);
    assert.equal(sent(), before + 1);
  });

  it('waits WORKER_POLL_INTERVAL_MS after an empty FETCH', async (t) => {
    const broker = await startFetchScript(t);
    startWorker(t, broker.port, { concurrency: 1, pollIntervalMs: 300 });
    await broker.until(() => broker.held.length === 1);
    const startedMs = performance.now();
    broker.replyToFetch(nil);
    await broker.until(() => broker.held.length === 1);
    assert.ok(performance.now() - startedMs >= 290);
  });

  it('names its queues in their order', async (t) => {
    const broker = await startFetchScript(t);
    startWorker(t, broker.port, { queues: ['high', 'default', 'low'] });
    await broker.until(() => broker.held.length === 1);
    assert.ok(broker.lines.includes('FETCH high default low'));
  });

  it('goes on after the connections were lost, twice', async (t) => {
    const broker = await startFetchScript(t);
    const worker = startWorker(t, broker.port);
    for (let round = 1; round <= 3; round++) {
      await broker.until(() => broker.held.length === 1);
      broker.replyToFetch();
      await broker.reported('ACK', round);
      if (round < 3) {
        await broker.kill();
        await broker.restart();
      }
    }
    assert.equal(worker.stats.succeeded, 3);
    assert.ok(worker.lines.some(({ message }) => message === 'the broker is there again'));
  });
});

describe('ACK and FAIL', () => {
  it('go over connections that carry no FETCH and no BEAT', async (t) => {
    const broker = await startFetchScript(t);
    broker.enqueue(jobs(30));
    startWorker(t, broker.port, { concurrency: 20 });
    await broker.reported('ACK', 30);
    for (const { lines } of broker.peers) {
      const verbs = new Set(lines.slice(1).map((line) => line.split(' ')[0]));
      verbs.delete('INFO');
      assert.ok(verbs.size <= 1, `one connection carried ${[...verbs].join(' and ')}`);
    }
  });

  it('are said again when the connection was lost before the reply', async (t) => {
    let acks = 0;
    const broker = await startFetchScript(t, (line, peer) => {
      if (line.startsWith('ACK') && ++acks === 1) peer.reset();
      return undefined;
    });
    const text = job();
    broker.enqueue([text]);
    const worker = startWorker(t, broker.port);
    assert.deepEqual(await broker.reported('ACK', 2), [jidOf(text), jidOf(text)]);
    assert.equal(worker.stats.succeeded, 1);
  });

  it('are said again when the broker could not take them', async (t) => {
    let acks = 0;
    const broker = await startFetchScript(t, (line) =>
      line.startsWith('ACK') && ++acks === 1 ? '-ERR context deadline exceeded\r\n' : undefined,
    );
    broker.enqueue(jobs(1));
    startWorker(t, broker.port);
    assert.equal(new Set(await broker.reported('ACK', 2)).size, 1);
  });

  it('fail a job of another jobtype with a clear message, and record nothing', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    broker.enqueue([job({ jobtype: 'send_mail' })]);
    startWorker(t, broker.port, { results });
    await broker.reported('FAIL', 1);
    const line = broker.lines.find((one) => one.startsWith('FAIL')) as string;
    const { errtype, message } = JSON.parse(line.slice(5)) as { errtype: string; message: string };
    assert.equal(errtype, 'UnknownJobtype');
    assert.match(message, /does not run the jobtype send_mail/);
    assert.deepEqual(results.puts, []);
  });

  it('record what fails the same way every time as failed, once, and acknowledge it', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    const broken = [
      job({ jobtype: 'math_divide', args: [{ a: 1, b: 0 }] }),
      job({ jobtype: 'math_multiply', args: [{ a: 1e200, b: 1e200 }] }),
      job({ args: [{ a: '1', b: 2 }] }),
      job({ args: [] }),
    ];
    broker.enqueue(broken);
    startWorker(t, broker.port, { results });
    await broker.reported('ACK', broken.length);
    const records = new Map(results.puts.flat().map((record) => [record.job_id, record]));
    assert.equal(results.puts.flat().length, broken.length);
    const errors = broken.map((text) => records.get(jidOf(text))?.error ?? '');
    assert.equal(errors[0], 'b must not be zero');
    assert.equal(errors[1], 'the result is not a finite number');
    assert.equal(errors[2], 'a must be a finite number');
    assert.ok(errors[3] !== '');
    for (const record of records.values()) {
      assert.equal(record.state, 'failed');
      assert.ok(record.finished_at);
    }
  });

  it('fail a job whose code throws with type, message and backtrace, and tell its state between retries', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    const texts = [
      job({ retry: 2 }),
      job({ retry: 2, failure: { retry_count: 0 } }),
      job({ retry: 2, failure: { retry_count: 1 } }),
      job({ retry: 0 }),
      job({ retry: null, failure: { retry_count: 500 } }),
    ];
    broker.enqueue(texts);
    const { lines } = startWorker(t, broker.port, { results, registry: throwingRegistry });
    await broker.reported('FAIL', 5);
    const line = broker.lines.find((one) => one.startsWith('FAIL')) as string;
    const failure = JSON.parse(line.slice(5)) as { errtype: string; message: string; backtrace: string[] };
    assert.equal(failure.errtype, 'RangeError');
    assert.equal(failure.message, 'the abacus broke');
    assert.ok(failure.backtrace.length > 0 && failure.backtrace.length <= 50);
    await broker.until(() => lines.some(({ fields }) => fields['stack'] !== undefined));
    const stack = lines.find(({ fields }) => fields['stack'] !== undefined)?.fields['stack'] as string[];
    assert.ok(stack.length <= 5 && stack[0]?.includes('worker-harness.ts'), String(stack[0]));
    const recordOf = (text: string) => results.told.find(({ job_id }) => job_id === jidOf(text));
    const states = texts.map(recordOf).map((record) => [record?.state, record?.attempts, record?.error]);
    assert.deepEqual(states, [
      ['pending', 1, 'the abacus broke'],
      ['pending', 2, 'the abacus broke'],
      ['failed', 3, 'the abacus broke'],
      ['failed', 1, 'the abacus broke'],
      ['pending', 502, 'the abacus broke'],
    ]);
  });

  it('are counted by whole numbers, whatever failure a job was pushed with', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    const counts = ['500', '-7', '0.5', '1e300', '{}', 'null', '3'];
    const failures = [...counts.map((count) => `{"retry_count":${count}}`), 'null', '7'];
    const texts = failures.map((failure) => job({ failure: JSON.parse(failure) as unknown }));
    broker.enqueue(texts);
    startWorker(t, broker.port, { results });
    await broker.reported('ACK', failures.length);
    const recordOf = (text: string) => results.told.find(({ job_id }) => job_id === jidOf(text));
    const attempts = texts.map((text) => recordOf(text)?.attempts);
    assert.deepEqual(attempts, [502, 2, 2, 2, 2, 2, 5, 1, 1]);
  });
});

describe('results', () => {
  it('are stored before the ACK, those of one turn together', async (t) => {
    const broker = await startFetchScript(t, asEmbedded);
    const results = createHeldResults();
    let release = (): void => undefined;
    results.onPut = () => new Promise((resolve) => (release = resolve));
    const worker = startWorker(t, broker.port, { results });
    broker.enqueue(jobs(40));
    await broker.until(() => broker.held.length === 10);
    assert.equal(worker.stats.storing, 40);
    assert.equal(broker.lines.filter((line) => line.startsWith('ACK')).length, 0);
    results.onPut = () => Promise.resolve();
    release();
    await broker.reported('ACK', 40);
    assert.ok(results.puts.length <= 3, `${results.puts.length} puts for 40 jobs`);
  });

  it('are tried again while the store is away; meanwhile nothing more is fetched', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    results.onPut = () => Promise.reject(new Error('store away'));
    const worker = startWorker(t, broker.port, { results, concurrency: 1 });
    await broker.until(() => broker.held.length === 1);
    broker.replyToFetch();
    await broker.until(() => broker.held.length === 1);
    // This one was under way already; none follows it.
    broker.replyToFetch();
    await until('three puts', () => results.puts.length === 3);
    assert.equal(broker.held.length, 0);
    assert.equal(broker.lines.filter((line) => line.startsWith('ACK')).length, 0);
    results.onPut = () => Promise.resolve();
    assert.equal((await broker.reported('ACK', 2)).length, 2);
    await broker.until(() => broker.held.length === 1);
    assert.equal(worker.lines.filter(({ level }) => level === 'error').length, 1);
  });
});

describe('a store that takes no writes', () => {
  it('is shown no job: nothing is fetched before it has taken the first write', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    let take = (): void => undefined;
    results.check = () => new Promise((resolve) => (take = resolve));
    broker.enqueue(jobs(1));
    startWorker(t, broker.port, { results });
    await broker.until(() => broker.lines.some((line) => line.startsWith('BEAT')));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(broker.lines.filter((line) => line.startsWith('FETCH')).length, 0);
    take();
    await broker.reported('ACK', 1);
  });
});

describe('the line of a job', () => {
  const linesOf = (worker: StartedWorker): string[] =>
    worker.lines.filter(({ fields }) => fields['jid'] !== undefined).map(({ message }) => message);

  it('says what the broker makes of a failure: retried, dead, or gone', async (t) => {
    const broker = await startFetchScript(t);
    broker.enqueue([
      job({ retry: 1 }),
      job({ retry: 1, failure: { retry_count: 0 } }),
      job({ retry: -1 }),
      job({ retry: 0 }),
      job({ retry: undefined }),
    ]);
    const worker = startWorker(t, broker.port, { registry: throwingRegistry });
    await broker.reported('FAIL', 5);
    await until('every report is made', () => worker.stats.reporting === 0);
    assert.deepEqual(linesOf(worker).sort(), [
      'job failed: dead, no retry is left',
      'job failed: dead, no retry is left',
      'job failed: gone, as its retry is 0',
      'job failed: the broker decides on retries',
      'job failed: to be retried',
    ]);
  });

  it('says that the broker did not know the job any more', async (t) => {
    const broker = await startFetchScript(t, (line) =>
      line.startsWith('FAIL') ? '-ERR Job not found x\r\n' : undefined,
    );
    broker.enqueue([job()]);
    const worker = startWorker(t, broker.port, { registry: throwingRegistry });
    await broker.reported('FAIL', 1);
    await until('every report is made', () => worker.stats.reporting === 0);
    assert.deepEqual(linesOf(worker), ['job failed: the broker did not know it any more']);
  });

  it('comes when the result is stored and the broker has taken the ACK, not before', async (t) => {
    let ackReply = '-ERR context deadline exceeded\r\n';
    const broker = await startFetchScript(t, (line) => (line.startsWith('ACK') ? ackReply : undefined));
    const results = createHeldResults();
    let release = (): void => undefined;
    results.onPut = () => new Promise((resolve) => (release = resolve));
    broker.enqueue([job()]);
    const worker = startWorker(t, broker.port, { results });
    await until('a put', () => results.puts.length > 0);
    assert.deepEqual(linesOf(worker), []);
    release();
    await broker.reported('ACK', 1);
    assert.deepEqual(linesOf(worker), []);
    ackReply = '+OK\r\n';
    await broker.reported('ACK', 2);
    await until('every report is made', () => worker.stats.reporting === 0);
    assert.deepEqual(linesOf(worker), ['job succeeded']);
  });

  it('says that a job is given back because its result could not be stored, and never that it succeeded', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    results.onPut = () => never;
    broker.enqueue([job({ retry: 3 })]);
    const worker = startWorker(t, broker.port, { results });
    await broker.until(() => results.puts.length === 1 && broker.held.length > 0);
    await worker.stop(400);
    assert.deepEqual(linesOf(worker), ['job given back as failed: to be retried']);
    const { fields } = worker.lines.find((line) => line.fields['jid'] !== undefined) as LogLine;
    assert.equal(fields['errtype'], 'WorkerStopped');
  });
});

describe('the heartbeat', () => {
  it('names the worker, and comes at its interval', async (t) => {
    const broker = await startFetchScript(t);
    const worker = startWorker(t, broker.port, { heartbeatIntervalMs: 20 });
    const beats = (): string[] => broker.lines.filter((line) => line.startsWith('BEAT'));
    await broker.until(() => beats().length >= 3);
    assert.equal((JSON.parse((beats()[0] as string).slice(5)) as { wid: string }).wid, worker.wid);
    const hellos = broker.peers.map(
      ({ lines }) => JSON.parse((lines[0] as string).slice(6)) as Record<string, unknown>,
    );
    for (const hello of hellos) {
      assert.equal(hello['wid'], worker.wid);
      assert.equal(hello['pid'], process.pid);
    }
  });

  it('makes the worker quiet when the broker says so, although FETCHes are still answered', async (t) => {
    let state = '+OK\r\n';
    const broker = await startFetchScript(t, (line) => (line.startsWith('BEAT') ? state : undefined));
    const worker = startWorker(t, broker.port, { heartbeatIntervalMs: 20 });
    await broker.until(() => broker.held.length === 1);
    state = bulk('{"state":"quiet"}');
    await broker.until(() => broker.lines.some((line) => line.includes('"current_state":"quiet"')));
    const fetches = (): number => broker.lines.filter((line) => line.startsWith('FETCH')).length;
    const before = fetches();
    broker.replyToFetch();
    await broker.reported('ACK', 1);
    assert.equal(fetches(), before);
    assert.equal(worker.stats.fetching, 0);
  });

  it('ends the process, by its owner, when the broker says so', async (t) => {
    const broker = await startFetchScript(t, (line) =>
      line.startsWith('BEAT') ? bulk('{"state":"terminate"}') : undefined,
    );
    await new Promise<void>((resolve) => startWorker(t, broker.port, { onTerminate: resolve }));
  });

  it(
    'says HELLO again at once when the broker forgot the worker, and lets FETCHes be',
    { timeout: 30_000 },
    async (t) => {
      let beats = 0;
      const broker = await startFetchScript(t, (line) =>
        line.startsWith('BEAT') && ++beats === 1 ? '-ERR unknown worker x\r\n' : undefined,
      );
      const worker = startWorker(t, broker.port, { heartbeatIntervalMs: 60_000 });
      await broker.until(() => beats === 2 && broker.held.length === 1);
      assert.equal(broker.peers.length, 4);
      broker.replyToFetch();
      await broker.reported('ACK', 1);
      assert.equal(worker.stats.succeeded, 1);
    },
  );
});

describe('a stop', () => {
  it('takes the job that a blocked FETCH still brings, and says END after its ACK', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    const worker = startWorker(t, broker.port, { results });
    await broker.until(() => broker.held.length === 1);
    const stopped = worker.stop(10_000);
    const text = job();
    broker.replyToFetch(bulk(text));
    await stopped;
    assert.equal(results.puts[0]?.[0]?.job_id, jidOf(text));
    const ack = broker.lines.findIndex((line) => line.startsWith('ACK'));
    assert.ok(ack !== -1 && ack < broker.lines.indexOf('END'));
    assert.equal(broker.lines.filter((line) => line.startsWith('FETCH')).length, 1);
  });

  it('fails what does not end in time, so that it is retried soon', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    results.onPut = () => never;
    const text = job();
    broker.enqueue([text]);
    const worker = startWorker(t, broker.port, { results, concurrency: 2 });
    await broker.until(() => results.puts.length === 1 && broker.held.length > 0);
    await worker.stop(600);
    assert.deepEqual(await broker.reported('FAIL', 1), [jidOf(text)]);
    assert.ok(broker.lines.some((line) => line.startsWith('FAIL') && line.includes('WorkerStopped')));
  });

  it('is bounded when the broker is gone', async (t) => {
    const broker = await startFetchScript(t, (line) => (line.startsWith('ACK') ? '' : undefined));
    broker.enqueue(jobs(1));
    const worker = startWorker(t, broker.port);
    await broker.reported('ACK', 1);
    await broker.kill();
    const startedMs = performance.now();
    await worker.stop(400);
    assert.ok(performance.now() - startedMs < 10_000);
  });

  it('is over at once when nothing is under way', async (t) => {
    const broker = await startFetchScript(t);
    const worker = startWorker(t, broker.port);
    await broker.until(() => broker.held.length === 1);
    const stopped = worker.stop(60_000);
    broker.replyToFetch(nil);
    const startedMs = performance.now();
    await stopped;
    assert.ok(performance.now() - startedMs < 20_000);
  });
});
