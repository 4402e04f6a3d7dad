// When the keys of a stream that is no longer used are deleted.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createStreams } from '../../../src/broker/storage/streams.ts';

it('the keys of a stream are deleted once, when the group that has forgotten it is on disk', () => {
  const cleared: number[] = [];
  const streams = createStreams(20, (stream) => cleared.push(stream));
  const [first, second] = [streams.next(), streams.next()];
  assert.deepEqual([first, second, streams.last()], [21, 22, 22]);
  streams.forget(first);
  const onStored = streams.finish();
  streams.forget(second);
  const onNextStored = streams.finish();
  assert.deepEqual(cleared, []);
  onStored();
  assert.deepEqual(cleared, [first]);
  onNextStored();
  streams.finish()();
  assert.deepEqual(cleared, [first, second]);
});
