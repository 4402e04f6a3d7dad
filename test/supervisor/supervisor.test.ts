// The supervisor of several API processes, with processes that do what the test says, and its own time.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { Counter, Gauge, Registry } from 'prom-client';
import type { FromMember, FromSupervisor } from '../../src/supervisor/messages.ts';
import type { Child } from '../../src/supervisor/member-process.ts';
import { createSupervisor } from '../../src/supervisor/supervisor.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

interface Scripted extends Child {
  readonly sent: FromSupervisor[];
  readonly signals: NodeJS.Signals[];
  says(message: FromMember): void;
  ends(code: number | null, signal?: NodeJS.Signals): void;
}

function scriptedChild(pid: number): Scripted {
  let say: (message: FromMember) => void = () => undefined;
  let end: (code: number | null, signal: NodeJS.Signals | null) => void = () => undefined;
  const child: Scripted = {
    pid,
    sent: [],
    signals: [],
    send: (message) => void child.sent.push(message),
    kill: (signal) => void child.signals.push(signal),
    onMessage: (take) => (say = take),
    onExit: (take) => (end = take),
    says: (message) => say(message),
    ends: (code, signal) => end(code, signal ?? null),
  };
  return child;
}

function setUp(count: number) {
  const children: Scripted[] = [];
  const clock = createFakeClock();
  const failure: { ofFork?: Error } = {};
  const fork = (): Child => {
    if (failure.ofFork) throw failure.ofFork;
    const child = scriptedChild(children.length);
    children.push(child);
    return child;
  };
  const supervisor = createSupervisor({ count, fork, clock, log: pino({ level: 'silent' }) });
  const child = (index: number): Scripted => children[index] ?? assert.fail(`no process ${index} was started`);
  async function start(): Promise<void> {
    const started = supervisor.start();
    for (let index = 0; index < count; index++) {
      child(index).says({ type: 'ready' });
      await turn();
    }
    await started;
  }
  return { children, child, clock, failure, supervisor, start };
}

function giveCounts(child: Scripted, metrics: { type: unknown }[] = []): void {
  const asked = child.sent.at(-1);
  assert.equal(asked?.type, 'snapshot wanted');
  child.says({ type: 'snapshot', id: asked.id, metrics });
}

describe('the supervisor', () => {
  it('starts the first process alone, then the others, and is ready with the last', async () => {
    const { children, child, supervisor } = setUp(3);
    let isReady = false;
    const started = supervisor.start().then(() => (isReady = true));
    await turn();
    assert.equal(children.length, 1);
    child(0).says({ type: 'ready' });
    await turn();
    assert.equal(children.length, 3);
    child(1).says({ type: 'ready' });
    await turn();
    assert.equal(isReady, false);
    child(2).says({ type: 'ready' });
    await started;
  });

  it('gives up the start when a process ends, and waits for the others', async () => {
    const { child, supervisor } = setUp(2);
    const started = supervisor.start();
    child(0).says({ type: 'ready' });
    await turn();
    child(1).ends(1);
    await turn();
    assert.deepEqual(child(0).signals, ['SIGINT']);
    child(0).ends(0);
    await assert.rejects(started, /ended with 1 before it was ready/);
  });

  it('replaces a process that ends by itself after 1, 2, 4 s, and after 30 s at most', async () => {
    const { children, child, clock, start } = setUp(1);
    await start();
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      const last = children.length - 1;
      child(last).ends(null, 'SIGKILL');
      clock.advance(seconds * 1000 - 1);
      assert.equal(children.length, last + 1);
      clock.advance(1);
      assert.equal(children.length, last + 2);
      child(last + 1).says({ type: 'ready' });
      await turn();
    }
  });

  it('counts failures anew after a minute of life', async () => {
    const { children, child, clock, start } = setUp(1);
    await start();
    child(0).ends(1);
    clock.advance(1000);
    child(1).says({ type: 'ready' });
    clock.advance(60_000);
    child(1).ends(1);
    clock.advance(1000);
    assert.equal(children.length, 3);
  });

  it('starts again what ends before it is ready', async () => {
    const { children, child, clock, start } = setUp(1);
    await start();
    child(0).ends(1);
    clock.advance(1000);
    child(1).ends(1);
    await turn();
    clock.advance(2000);
    assert.equal(children.length, 3);
  });

  it('starts again what could not be started', async () => {
    const { children, child, clock, failure, start } = setUp(1);
    await start();
    failure.ofFork = new Error('spawn ENOMEM');
    child(0).ends(null, 'SIGKILL');
    clock.advance(1000);
    await turn();
    assert.equal(children.length, 1);
    delete failure.ofFork;
    clock.advance(2000);
    assert.equal(children.length, 2);
  });

  it('kills a process that is not ready after a minute', async () => {
    const { child, clock, supervisor } = setUp(1);
    const started = supervisor.start();
    clock.advance(59_999);
    assert.deepEqual(child(0).signals, []);
    clock.advance(1);
    assert.deepEqual(child(0).signals, ['SIGKILL']);
    child(0).ends(null, 'SIGKILL');
    await assert.rejects(started, /ended with SIGKILL before it was ready/);
  });

  it('has all processes after a restart in which a successor ended by itself', async () => {
    const { children, child, clock, supervisor, start } = setUp(2);
    await start();
    const restarted = supervisor.restart();
    child(2).says({ type: 'ready' });
    await turn();
    child(0).ends(0);
    await turn();
    assert.equal(children.length, 4, 'the second successor starts');
    child(2).ends(1);
    clock.advance(1000);
    await turn();
    assert.equal(children.length, 4, 'the second successor counts in the place of the first');
    child(3).says({ type: 'ready' });
    await turn();
    child(1).ends(0);
    await restarted;
    assert.equal(children.length, 5);
  });

  it('starts no further process when a process ends by itself whose turn in a restart comes later', async () => {
    const { children, child, clock, supervisor, start } = setUp(2);
    await start();
    const restarted = supervisor.restart();
    child(2).says({ type: 'ready' });
    await turn();
    child(1).ends(null, 'SIGKILL');
    clock.advance(1000);
    assert.equal(children.length, 4, 'it is replaced while the first process drains');
    child(3).says({ type: 'ready' });
    child(0).ends(0);
    await restarted;
    assert.equal(children.length, 4);
  });

  it('does not restart during the start', async () => {
    const { children, child, supervisor } = setUp(2);
    const started = supervisor.start();
    await supervisor.restart();
    for (const index of [0, 1]) {
      child(index).says({ type: 'ready' });
      await turn();
    }
    await started;
    assert.equal(children.length, 2);
  });

  it('signals a process once that drains for its successor when all stop', async () => {
    const { child, supervisor, start } = setUp(1);
    await start();
    void supervisor.restart();
    child(1).says({ type: 'ready' });
    await turn();
    const stopped = supervisor.stop('SIGTERM');
    assert.deepEqual([child(0).signals, child(1).signals], [['SIGTERM'], ['SIGTERM']]);
    child(0).ends(0);
    child(1).ends(0);
    assert.equal(await stopped, 0);
  });

  it('restarts one after another, each when its successor is ready', async () => {
    const { children, child, supervisor, start } = setUp(2);
    await start();
    const restarted = supervisor.restart();
    assert.equal(children.length, 3);
    assert.deepEqual(child(0).signals, []);
    child(2).says({ type: 'ready' });
    await turn();
    assert.deepEqual(child(0).sent, [{ type: 'replaced' }]);
    assert.deepEqual(child(0).signals, ['SIGTERM']);
    assert.equal(children.length, 3);
    child(0).ends(0);
    await turn();
    assert.equal(children.length, 4);
    child(3).says({ type: 'ready' });
    await turn();
    child(1).ends(0);
    await restarted;
    assert.deepEqual([child(2).signals, child(3).signals], [[], []]);
  });

  it('leaves the others alone when a successor does not start', async () => {
    const { children, child, supervisor, start } = setUp(2);
    await start();
    const restarted = supervisor.restart();
    child(2).ends(1);
    await restarted;
    assert.equal(children.length, 3);
    assert.deepEqual([child(0).signals, child(1).signals], [[], []]);
  });

  it('stops all with one signal, says how many did not end in order, and replaces none', async () => {
    const { children, child, clock, supervisor, start } = setUp(3);
    await start();
    const stopped = supervisor.stop('SIGTERM');
    assert.deepEqual(
      children.map(({ signals }) => signals),
      [['SIGTERM'], ['SIGTERM'], ['SIGTERM']],
    );
    child(0).ends(0);
    child(1).ends(1);
    child(2).ends(null, 'SIGKILL');
    assert.equal(await stopped, 2);
    clock.advance(60_000);
    assert.equal(children.length, 3);
  });
});

describe('the metrics of several processes', () => {
  async function metricsOf(jobs: number, depth: number): Promise<{ type: unknown }[]> {
    const registry = new Registry();
    const registers = [registry];
    new Counter({ name: 'jobs_total', help: 'jobs', registers }).inc(jobs);
    new Gauge({ name: 'connections', help: 'connections', registers }).set(1);
    new Gauge({ name: 'depth', help: 'depth', registers, aggregator: 'max' }).set(depth);
    return registry.getMetricsAsJSON();
  }

  const pageOf = (child: Scripted): string => {
    const last = child.sent.at(-1);
    return last?.type === 'page' ? last.text : assert.fail('no page was sent');
  };

  it('are one page: sums, but for what each sees as a whole', async () => {
    const { children, child, start } = setUp(2);
    await start();
    child(1).says({ type: 'page wanted', id: 7 });
    for (const [index, one] of children.entries()) giveCounts(one, await metricsOf(10 + index, 5));
    await turn();
    const page = pageOf(child(1));
    assert.match(page, /^jobs_total 21$/m);
    assert.match(page, /^connections 2$/m);
    assert.match(page, /^depth 5$/m);
  });

  it('leave out a process that does not reply within 2 s', async () => {
    const { child, clock, start } = setUp(2);
    await start();
    child(0).says({ type: 'page wanted', id: 1 });
    giveCounts(child(0), await metricsOf(3, 1));
    clock.advance(2000);
    await turn();
    assert.match(pageOf(child(0)), /^jobs_total 3$/m);
  });

  it('count a process once that ends in order after its reply', async () => {
    const { child, clock, start } = setUp(2);
    await start();
    child(1).says({ type: 'page wanted', id: 1 });
    giveCounts(child(0), await metricsOf(3, 1));
    child(0).says({ type: 'last counts', metrics: await metricsOf(3, 1) });
    await turn();
    clock.advance(2000);
    await turn();
    await turn();
    assert.match(pageOf(child(1)), /^jobs_total 3$/m);
  });

  it('keep the counts of processes that end in one turn', async () => {
    const { child, clock, start } = setUp(3);
    await start();
    const metrics = await metricsOf(3, 1);
    for (const index of [0, 1]) child(index).says({ type: 'last counts', metrics });
    child(2).says({ type: 'page wanted', id: 1 });
    clock.advance(2000);
    await turn();
    await turn();
    assert.match(pageOf(child(2)), /^jobs_total 6$/m);
  });

  it('keep what a process had counted that was replaced', async () => {
    const { child, supervisor, start } = setUp(1);
    await start();
    const restarted = supervisor.restart();
    child(1).says({ type: 'ready' });
    await turn();
    child(0).says({ type: 'last counts', metrics: await metricsOf(40, 9) });
    // It has counted, and is asked no more.
    child(1).says({ type: 'page wanted', id: 0 });
    assert.deepEqual(child(0).sent, [{ type: 'replaced' }]);
    giveCounts(child(1));
    await turn();
    child(0).ends(0);
    await restarted;
    child(1).says({ type: 'page wanted', id: 1 });
    giveCounts(child(1), await metricsOf(2, 3));
    await turn();
    const page = pageOf(child(1));
    assert.match(page, /^jobs_total 42$/m);
    assert.match(page, /^connections 1$/m);
    assert.match(page, /^depth 3$/m);
  });
});
