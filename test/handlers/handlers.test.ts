// Jobs in handler processes that a test plays, on a clock of its own: how each job ends, whatever its process does.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startScene, type ScriptedProcess, type ToHandler } from './scripted-processes.ts';

const idsOf = ({ sent }: ScriptedProcess, type: ToHandler['type']): number[] =>
  sent.filter((message) => message.type === type).map(({ id }) => id);

function startReady(options?: Parameters<typeof startScene>[0]) {
  const scene = startScene(options);
  for (const one of scene.processes) one.say({ type: 'ready' });
  return { ...scene, process: scene.processes[0] as ScriptedProcess };
}

const given = (reason: string) => [{ type: 'requeued', reason }];

describe('a job', () => {
  it('waits until a process is ready', () => {
    let changes = 0;
    const { handlers, processes, run } = startScene({ onChange: () => void changes++ });
    const [process] = processes as [ScriptedProcess];
    assert.equal(handlers.isUp, false);
    const { id, ends } = run({ text: '{"jid":"job-1",\n"args":[]}' });
    assert.deepEqual(process.sent, []);
    process.say({ type: 'ready' });
    assert.deepEqual([handlers.isUp, changes], [true, 1]);
    const job = { jid: 'job-1', args: [] };
    assert.deepEqual(process.sent, [{ type: 'run', id, name: 'resize', attempt: 1, job }]);
    process.say({ type: 'succeeded', id, result: 5 });
    assert.deepEqual(ends, [{ type: 'succeeded', id, result: 5 }]);
    assert.equal(handlers.running, 0);
  });

  it('goes to the process with the fewest', () => {
    const { processes, run } = startReady({ processes: 2 });
    const [one, other] = processes as [ScriptedProcess, ScriptedProcess];
    const runs = [run(), run(), run()];
    assert.deepEqual([idsOf(one, 'run').length, idsOf(other, 'run').length], [2, 1]);
    for (const id of idsOf(one, 'run')) one.say({ type: 'succeeded', id, result: null });
    run();
    run();
    assert.deepEqual([idsOf(one, 'run').length, idsOf(other, 'run').length], [4, 1]);
    assert.equal(runs.filter(({ ends }) => ends.length === 1).length, 2);
  });

  it('tells its progress and writes to the log with its ids', () => {
    const { process, lines, run } = startReady();
    const { id, progress } = run({ attempt: 3 });
    process.say({ type: 'progress', id, percent: 50, note: 'half' });
    process.say({ type: 'log', id, level: 'warn', message: 'slow', fields: { jid: 'a lie', url: 'x' } });
    assert.deepEqual(progress, [[50, 'half']]);
    const fields = { url: 'x', jid: 'job-1', operation: 'resize', attempt: 3 };
    assert.deepEqual(lines, [{ level: 'warn', message: 'slow', fields }]);
  });

  it('ends once: what its process says later, or of a job of another process, counts nothing', () => {
    const { processes, run } = startReady({ processes: 2 });
    const [one, other] = processes as [ScriptedProcess, ScriptedProcess];
    const { id, ends } = run();
    other.say({ type: 'succeeded', id, result: 'a lie' });
    one.say({ type: 'failed', id, errtype: 'PermanentError', message: 'no' });
    one.say({ type: 'succeeded', id, result: 1 });
    one.say({ type: 'progress', id, percent: 1 });
    assert.deepEqual(ends, [{ type: 'failed', id, errtype: 'PermanentError', message: 'no' }]);
  });
});

describe('the time of a job', () => {
  it('is over with its signal, and 5 s later it is given up', () => {
    const { clock, process, handlers, run } = startReady();
    const { id, ends } = run({ timeoutMs: 50_000 });
    clock.advance(49_999);
    assert.deepEqual(idsOf(process, 'abort'), []);
    clock.advance(1);
    assert.deepEqual(process.sent.at(-1), { type: 'abort', id, reason: 'timeout' });
    process.say({ type: 'aborted', id });
    clock.advance(4999);
    assert.deepEqual(ends, []);
    clock.advance(1);
    const message = 'the job has not ended within 50 s, nor 5 s after its signal';
    assert.deepEqual(ends, [{ type: 'threw', id, errtype: 'Timeout', message, backtrace: [] }]);
    assert.deepEqual([handlers.running, process.isKilled], [0, false]);
  });

  it('leaves the job these 5 s to end as it wants', () => {
    const { clock, process, run } = startReady();
    const [quick, failing] = [run(), run()];
    clock.advance(50_000);
    process.say({ type: 'succeeded', id: quick.id, result: 'just so' });
    const threw = { type: 'threw' as const, id: failing.id, errtype: 'AbortError', message: 'stopped', backtrace: [] };
    process.say(threw);
    clock.advance(60_000);
    assert.deepEqual(quick.ends, [{ type: 'succeeded', id: quick.id, result: 'just so' }]);
    assert.deepEqual(failing.ends, [threw]);
    assert.equal(process.isKilled, false);
  });

  it('ends its process, too, when that does not answer; the other jobs in it are given back', () => {
    const { clock, process, processes, lines, handlers, run } = startReady();
    const [blocked, innocent] = [run({ timeoutMs: 1000 }), run()];
    clock.advance(6000);
    const [end] = blocked.ends;
    assert.ok(end?.type === 'threw' && end.errtype === 'Timeout');
    assert.deepEqual(innocent.ends, given('its handler process was replaced'));
    assert.deepEqual([process.isKilled, handlers.running, handlers.isUp], [true, 0, false]);
    assert.equal(lines.at(-1)?.message, 'a handler process is killed and started again');
    clock.advance(100);
    assert.equal(processes.length, 2);
    const later = run();
    processes[1]?.say({ type: 'ready' });
    processes[1]?.say({ type: 'succeeded', id: later.id, result: 1 });
    assert.equal(later.ends.length, 1);
  });

  it('ends its process when ten runs were given up and go on in it', () => {
    const { clock, process, run } = startReady();
    const giveUp = (): number => {
      const { id } = run({ timeoutMs: 1000 });
      clock.advance(1000);
      process.say({ type: 'aborted', id });
      clock.advance(5000);
      return id;
    };
    const ids = Array.from({ length: 9 }, giveUp);
    // One of them ends after all.
    process.say({ type: 'succeeded', id: ids[0] as number, result: 1 });
    giveUp();
    assert.equal(process.isKilled, false);
    const innocent = run();
    giveUp();
    assert.equal(process.isKilled, true);
    assert.deepEqual(innocent.ends, given('its handler process was replaced'));
  });

  it('begins when a process takes it, and ends with its reservation all the same', () => {
    const { clock, processes, run } = startScene();
    const [process] = processes as [ScriptedProcess];
    const runs = [run({ timeoutMs: 1000 }), run({ timeoutMs: 60_000 })];
    clock.advance(40_000);
    assert.deepEqual(
      runs.map(({ ends }) => ends),
      [[], []],
    );
    process.say({ type: 'ready' });
    clock.advance(999);
    assert.deepEqual(idsOf(process, 'abort'), []);
    clock.advance(1);
    assert.deepEqual(idsOf(process, 'abort'), [runs[0]?.id]);
    process.say({ type: 'succeeded', id: runs[0]?.id as number, result: 1 });
    clock.advance(50_000 - 41_000);
    assert.deepEqual(idsOf(process, 'abort'), [runs[0]?.id, runs[1]?.id], 'it was fetched 50 s ago');
  });

  it('does not begin while no process is ready: with the end of its reservation it is given back', () => {
    const { clock, handlers, processes, run } = startScene();
    const { ends } = run({ timeoutMs: 1000 });
    for (let starts = 1; starts < 5; starts++) {
      processes.at(-1)?.end('ended with exit code 1');
      clock.advance(5000);
    }
    clock.advance(49_999 - 20_000);
    assert.deepEqual(ends, []);
    clock.advance(1);
    assert.deepEqual(ends, given('no handler process was ready'));
    assert.equal(handlers.running, 0);
  });
});

describe('a process that ends', () => {
  it('fails the jobs that ran in it, with what became of it, and is started again', () => {
    const { clock, lines, process, processes, run } = startReady();
    const runs = [run(), run(), run()];
    process.end('ended with exit code 3');
    for (const { id, ends } of runs) {
      const message = 'the handler process ended with exit code 3 while this job ran, and 2 others';
      assert.deepEqual(ends, [{ type: 'threw', id, errtype: 'HandlerProcessEnded', message, backtrace: [] }]);
    }
    clock.advance(100);
    assert.equal(processes.length, 2);
    processes[1]?.say({ type: 'ready' });
    assert.deepEqual(
      lines.map(({ message }) => message),
      [
        'a handler process has ended and is started again',
        'no handler process is ready: nothing is fetched from the queues of its types',
        'a handler process is ready: jobs are fetched again',
      ],
    );
  });

  it('is told with the last line that it wrote, for the author of the jobs', () => {
    const { lines, processes } = startScene();
    const [process] = processes as [ScriptedProcess];
    process.print('JOBS_DIR has 1 problem(s):');
    process.print('  resize.mjs: SECRET is not set');
    process.print('');
    process.end('ended with exit code 1');
    const [ended, down] = lines.filter(({ level }) => level === 'error');
    const lastWords = 'resize.mjs: SECRET is not set';
    assert.deepEqual(ended?.fields, { reason: 'ended with exit code 1', lastWords, jobs: 0 });
    assert.deepEqual(down?.fields, { reason: lastWords });
  });

  it('is started again after pauses that grow to 10 s, and short ones once it has lived', () => {
    const { clock, processes, handlers } = startScene();
    const pauseMs = (): number => {
      const count = processes.length;
      processes.at(-1)?.end('ended with exit code 1');
      for (let ms = 0; ms <= 20_000; ms += 100) {
        if (processes.length > count) return ms;
        clock.advance(100);
      }
      return Infinity;
    };
    const pauses = Array.from({ length: 9 }, pauseMs);
    assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    processes.at(-1)?.say({ type: 'ready' });
    assert.equal(handlers.isUp, true);
    clock.advance(10_000);
    assert.equal(pauseMs(), 100);
  });
});

describe('a stop', () => {
  it('fires the signals; what throws then is given back, what ends otherwise has ended', () => {
    const { process, handlers, run } = startReady();
    const [failing, quick] = [run(), run()];
    handlers.interrupt();
    assert.deepEqual(process.sent.at(-1), { type: 'abort', id: quick.id, reason: 'stop' });
    process.say({ type: 'threw', id: failing.id, errtype: 'AbortError', message: 'the worker stops', backtrace: [] });
    process.say({ type: 'succeeded', id: quick.id, result: 1 });
    assert.deepEqual(failing.ends, given('the worker stops'));
    assert.deepEqual(quick.ends, [{ type: 'succeeded', id: quick.id, result: 1 }]);
    assert.deepEqual(run().ends, given('the worker stops'));
  });

  it('gives back what goes on, and what waits for a process', async () => {
    const { process, handlers, run } = startReady();
    const stubborn = run();
    handlers.interrupt();
    await handlers.close();
    handlers.requeue();
    assert.deepEqual([stubborn.ends, handlers.running, process.isKilled], [given('the worker stops'), 0, true]);
    const early = startScene();
    const waiting = early.run();
    early.handlers.interrupt();
    assert.deepEqual(waiting.ends, given('the worker stops'));
  });
});

describe('what jobs print', () => {
  it('goes to the log, at most 1,000 lines a second, and a count of the rest', () => {
    const { clock, process, lines } = startReady();
    process.print('hello');
    assert.deepEqual(lines, [{ level: 'info', message: 'a handler process wrote', fields: { output: 'hello' } }]);
    for (let line = 0; line < 3000; line++) process.print('more');
    assert.equal(lines.length, 1000);
    clock.advance(1000);
    assert.deepEqual(lines.at(-1)?.fields, { omitted: 2001 });
    process.print('again');
    assert.equal(lines.length, 1002);
  });
});
