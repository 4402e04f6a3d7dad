// Real handler processes: the code of jobs in them does what it likes, and the worker's side goes on.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';
import { after, before, describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import { startHandlerProcess } from '../../src/handlers/handler-process.ts';
import type { Handlers } from '../../src/handlers/handlers.ts';
import type { HandlerJob } from '../../src/handlers/run.ts';
import type { HandlerLog } from '../../src/handlers/line-budget.ts';
import { createTestHandlers, writeJobs, type TestHandlers } from '../helpers/job-folder.ts';

type End = Parameters<HandlerJob['onEnd']>[0];

function run(handlers: Handlers, name: string, args: unknown, options: Partial<HandlerJob> = {}): Promise<End> {
  return new Promise((onEnd) => {
    const jid = 'job-0001';
    const text = JSON.stringify({ jid, args: [args], custom: { request_id: 'r-1' } });
    const times = { timeoutMs: 60_000, reservedMs: 60_000 };
    handlers.run({ jid, name, text, attempt: 2, ...times, onProgress: () => undefined, onEnd, ...options });
  });
}

const up = ({ handlers, changes }: TestHandlers): Promise<void> => changes.until(() => handlers.isUp);

const resultOf = (end: End): unknown => {
  assert.ok(end.type === 'succeeded', JSON.stringify(end));
  return end.result;
};

const anyArgs = 'args: z.object({}).loose()';

const jobs = {
  context: `${anyArgs}, run: (args, { jid, attempt, requestId }) => ({ args, jid, attempt, requestId })`,
  pid: `${anyArgs}, run: () => process.pid`,
  stat: `${anyArgs}, async run() { await (await import('node:fs/promises')).stat('.'); return 1; }`,
  exit: `${anyArgs}, run: () => process.exit(3)`,
  wait: `${anyArgs}, run: () => new Promise(() => undefined)`,
  untilSignal: `${anyArgs}, run: (_, { signal }) => new Promise((_, reject) => { signal.onabort = () => reject(signal.reason); })`,
  block: `${anyArgs}, run: () => { for (;;); }`,
  nonsense: `${anyArgs}, async run() { (await import('node:fs')).writeSync(3, 'hello\\n'); await new Promise(() => undefined); }`,
  leak: `${anyArgs}, run: () => { setInterval(() => undefined, 1); setTimeout(() => undefined, 2 ** 30); return 1; }`,
  print: `${anyArgs}, run: () => { console.log('to standard output'); console.error('x'.repeat(10_000)); return 1; }`,
  talk: `${anyArgs}, run: (_, { log, progress }) => { log.warn('slow', { n: 1n }); log.info('ok', { url: 'x' }); progress(250, 'all'); progress(NaN); return 1; }`,
  late: `${anyArgs}, run: (_, { progress }) => { progress(1); progress(2); setTimeout(() => progress(3), 1); return 1; }`,
}; // prettier-ignore
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const fields = Object.fromEntries(Object.entries(jobs).map(([name, text]) => [snake(name), text]));

// The clock's timers do not keep this process alive.
let alive: NodeJS.Timeout;
before(() => (alive = setInterval(() => undefined, 1000)));
after(() => clearInterval(alive));

describe('a handler process', () => {
  // One for all: its start takes a while. A test that ends it waits until the next one is there.
  const ends: (() => unknown)[] = [];
  const lines: { message: string; fields: Record<string, unknown> }[] = [];
  const note = (given: object, message: string) =>
    void lines.push({ message, fields: given as Record<string, unknown> });
  const log: HandlerLog = { debug: note, info: note, warn: note, error: note };
  const started = createTestHandlers({ after: (fn) => void ends.push(fn as () => unknown) }, fields, { log });
  const begun = started.then(({ handlers }) => {
    handlers.start();
    return handlers;
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  it('runs the code of a definition, with the ids of the job', async () => {
    const end = await run(await begun, 'context', { width: 5 });
    const job = { jid: 'job-0001', attempt: 2, requestId: 'r-1' };
    assert.deepEqual(resultOf(end), { args: { width: 5 }, ...job });
  });

  it('is another process, and goes on when a stop of the group reaches it', async () => {
    const handlers = await begun;
    const pid = resultOf(await run(handlers, 'pid', {})) as number;
    assert.notEqual(pid, process.pid);
    process.kill(pid, 'SIGTERM');
    process.kill(pid, 'SIGINT');
    assert.equal(resultOf(await run(handlers, 'pid', {})), pid);
  });

  it('leaves the processors to the worker where they are short', async () => {
    const handlers = await begun;
    const pid = resultOf(await run(handlers, 'pid', {})) as number;
    // It uses libuv's threads.
    await run(handlers, 'stat', {});
    const threads = process.platform === 'linux' ? readdirSync(`/proc/${pid}/task`).map(Number) : [pid];
    assert.deepEqual(
      threads.map((thread) => getPriority(thread)),
      threads.map(() => 19),
    );
  });

  it('hears that the time is up, and that the worker stops', async () => {
    const end = await run(await begun, 'until_signal', {}, { timeoutMs: 10 });
    assert.ok(end.type === 'threw');
    assert.deepEqual([end.errtype, end.message], ['TimeoutError', "the job's time is up"]);
  });

  it('takes what a job leaves behind', async () => {
    const handlers = await begun;
    assert.equal(resultOf(await run(handlers, 'leak', {})), 1);
    assert.equal(resultOf(await run(handlers, 'leak', {})), 1);
  });

  it('hands on what jobs print and log', async () => {
    const handlers = await begun;
    await run(handlers, 'print', {});
    const progress: unknown[] = [];
    await run(handlers, 'talk', {}, { onProgress: (...given) => void progress.push(given) });
    const ids = { jid: 'job-0001', operation: 'talk', attempt: 2 };
    const find = (message: string) => lines.find((line) => line.message === message)?.fields;
    assert.deepEqual(find('ok'), { url: 'x', ...ids });
    assert.match(String(find('slow')?.['omitted']), /^fields that are no JSON: TypeError: .*BigInt/);
    assert.deepEqual(find('progress was given no number'), { percent: 'NaN', ...ids });
    assert.deepEqual(progress, [[100, 'all']]);
    // A pipe of its own carries them.
    const outputs = () => lines.filter(({ message }) => message === 'a handler process wrote');
    while (outputs().length < 2) await new Promise((resolve) => setImmediate(resolve));
    const written = outputs().map(({ fields: { output } }) => output as string);
    assert.deepEqual(written.sort(), ['to standard output', 'x'.repeat(8192)].sort());
  });

  it('tells progress once a second, and nothing after the end', async () => {
    const handlers = await begun;
    const progress: unknown[] = [];
    await run(handlers, 'late', {}, { onProgress: (percent) => void progress.push(percent) });
    await run(handlers, 'pid', {});
    assert.deepEqual(progress, [1]);
  });

  for (const [name, reason] of [
    ['exit', /^the handler process ended with exit code 3 while this job ran, and 1 others$/],
    ['nonsense', /^the handler process sent what is no message: hello /],
  ] as const)
    it(`is replaced when a job does what ends it: ${name}`, async () => {
      const handlers = await begun;
      await up(await started);
      const [culprit, neighbour] = await Promise.all([run(handlers, name, {}), run(handlers, 'wait', {})]);
      for (const end of [culprit, neighbour]) {
        assert.ok(end.type === 'threw' && end.errtype === 'HandlerProcessEnded', JSON.stringify(end));
        assert.match(end.message, reason);
      }
      assert.equal(resultOf(await run(handlers, 'context', {})) !== undefined, true);
    });

  it('is replaced when it was killed', async () => {
    const handlers = await begun;
    const pid = resultOf(await run(handlers, 'pid', {})) as number;
    const waiting = run(handlers, 'wait', {});
    process.kill(pid, 'SIGKILL');
    const end = await waiting;
    assert.ok(end.type === 'threw');
    assert.equal(end.message, 'the handler process was killed by SIGKILL while this job ran');
    assert.notEqual(resultOf(await run(handlers, 'pid', {})), pid);
  });
});

describe('a handler process that blocks', () => {
  it('is killed when the time of a job is over, and at a stop', async (t: TestContext) => {
    // Its 5 s pass in half a second.
    const clock = { ...systemClock, after: (ms: number, fn: () => void) => systemClock.after(ms / 10, fn) };
    const made = await createTestHandlers(t, fields, { clock });
    const { handlers } = made;
    handlers.start();
    await up(made);
    const [blocked, innocent] = await Promise.all([
      run(handlers, 'block', {}, { timeoutMs: 100 }),
      run(handlers, 'wait', {}),
    ]);
    assert.ok(blocked.type === 'threw' && blocked.errtype === 'Timeout');
    assert.equal(innocent.type, 'requeued');
    const pid = resultOf(await run(handlers, 'pid', {})) as number;
    void run(handlers, 'block', {});
    await handlers.close();
    assert.throws(() => process.kill(pid, 0));
  });
});

describe('a handler process that cannot start', () => {
  it('says why in its output, and what it ended with', async (t: TestContext) => {
    const jobsDir = await writeJobs(t, { broken: 'args: 5, run: () => 1' });
    const output: string[] = [];
    const reason = await new Promise<string>((onGone) => {
      startHandlerProcess({
        settings: { jobsDir, builtIn: {}, argsBytesMax: 1000, resultBytesMax: 1000 },
        ...{ clock: systemClock },
        onMessage: () => assert.fail('it is ready'),
        onOutput: (line) => void output.push(line),
        onGone,
      });
    });
    assert.equal(reason, 'ended with exit code 1');
    assert.match(output.join('\n'), /broken\.mjs:\d+: args must be a schema of zod 4/);
  });
});

describe('a worker that is gone', () => {
  it('takes its handler process along', async (t: TestContext) => {
    const jobsDir = await writeJobs(t, fields);
    const ready = new Promise<void>((resolve) => {
      const started = startHandlerProcess({
        settings: { jobsDir, builtIn: {}, argsBytesMax: 1000, resultBytesMax: 1000 },
        ...{ clock: systemClock, onOutput: () => undefined },
        onMessage: () => void started.close().then(resolve),
        onGone: () => assert.fail('it ended by itself'),
      });
    });
    await ready;
  });
});
