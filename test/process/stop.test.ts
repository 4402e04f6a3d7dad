// When a stop begins and when it is hurried, on emitted signals and a clock that stands still.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { listenForStop, type StopReason } from '../../src/process/stop.ts';

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

function start(ignored: NodeJS.Signals[] = []) {
  const events = new EventEmitter();
  const time = { nowMs: 5000 };
  const stop = listenForStop({ events, now: () => time.nowMs, ignored });
  const seen: { hurried?: StopReason } = {};
  void stop.hurried.then((reason) => (seen.hurried = reason));
  return { events, time, stop, seen };
}

describe('the stop', () => {
  for (const signal of signals) {
    it(`begins with ${signal}, and somebody listens before and after it`, async () => {
      const { events, stop } = start();
      assert.equal(stop.reason, undefined);
      assert.ok(events.emit(signal));
      assert.deepEqual(await stop.requested, { signal });
      assert.ok(events.emit(signal), 'nobody listened to the second one');
    });
  }

  it('takes what arrives within a second for the same stop, whichever signal it is', async () => {
    const { events, time, seen } = start();
    events.emit('SIGTERM');
    for (const [afterMs, signal] of [
      [0, 'SIGTERM'],
      [3, 'SIGHUP'],
      [999, 'SIGINT'],
    ] as const) {
      time.nowMs = 5000 + afterMs;
      events.emit(signal);
    }
    await turn();
    assert.equal(seen.hurried, undefined);
  });

  it('is hurried by a signal a second after the first', async () => {
    const { events, time, seen } = start();
    events.emit('SIGTERM');
    time.nowMs += 1000;
    events.emit('SIGINT');
    await turn();
    assert.deepEqual(seen.hurried, { signal: 'SIGINT' });
  });

  it('does not begin with a signal that is to be ignored', async () => {
    const { events, stop } = start(['SIGHUP']);
    assert.ok(events.emit('SIGHUP'), 'without a listener it would end the process');
    assert.equal(stop.reason, undefined);
    events.emit('SIGTERM');
    assert.deepEqual(await stop.requested, { signal: 'SIGTERM' });
  });

  it('begins with an error that nobody caught, and is hurried by the next one at any time', async () => {
    const { events, stop, seen } = start();
    events.emit('unhandledRejection', 'a text');
    assert.equal((await stop.requested).error?.message, 'a text');
    const second = new Error('second');
    events.emit('uncaughtException', second);
    await turn();
    assert.deepEqual(seen.hurried, { error: second });
  });

  it('is not hurried when further parts fail on the way', async () => {
    const { stop, seen, time } = start();
    stop.request({ error: new Error('first') });
    time.nowMs += 5000;
    stop.request({ error: new Error('second') });
    await turn();
    assert.equal(stop.reason?.error?.message, 'first');
    assert.equal(seen.hurried, undefined);
  });
});
