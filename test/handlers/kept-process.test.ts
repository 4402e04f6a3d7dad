// A handler process that cannot be started.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createKeptProcess } from '../../src/handlers/kept-process.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

it('is tried again after a pause that grows, when spawn throws', () => {
  const clock = createFakeClock();
  const gone: string[] = [];
  let starts = 0;
  const kept = createKeptProcess({
    start() {
      starts++;
      throw new Error('spawn ENOMEM');
    },
    clock,
    budget: { write: () => undefined, flush: () => undefined },
    onReady: () => assert.fail('it is not ready'),
    onMessage: () => assert.fail('it says nothing'),
    onGone: (reason) => void gone.push(reason),
  });
  kept.start();
  assert.deepEqual([starts, gone, kept.isReady, kept.ended], [1, ['not started: spawn ENOMEM'], false, 1]);
  clock.advance(100);
  assert.equal(starts, 2);
  clock.advance(199);
  assert.equal(starts, 2);
  clock.advance(1);
  assert.equal(starts, 3);
});
