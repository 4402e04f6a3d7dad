// Ids and records of enqueued jobs until they are in the database.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { JobRecord } from '../../src/domain/results.ts';
import { createUnwritten } from '../../src/results/unwritten.ts';

const scheduled: JobRecord = { job_id: 'b', state: 'scheduled' };

it('a job is known until its group is written, and goes with the next group when it was not', () => {
  const unwritten = createUnwritten();
  unwritten.add([
    { jid: 'a', record: undefined },
    { jid: 'b', record: scheduled },
  ]);
  const first = unwritten.take();
  assert.deepEqual(first, { ids: ['a'], records: [scheduled] });
  assert.deepEqual([unwritten.get('a')?.state, unwritten.get('b')], ['pending', scheduled]);
  unwritten.add([{ jid: 'c', record: undefined }]);
  unwritten.putBack(first);
  const second = unwritten.take();
  assert.deepEqual(second, { ids: ['a', 'c'], records: [scheduled] });
  unwritten.remove(second);
  assert.deepEqual([unwritten.get('a'), unwritten.get('b'), unwritten.isEmpty()], [undefined, undefined, true]);
});

it('at most 100,000 ids and 20,000 records are held', () => {
  const unwritten = createUnwritten();
  unwritten.add(Array.from({ length: 100_001 }, (_, index) => ({ jid: `i${index}`, record: undefined })));
  unwritten.add(Array.from({ length: 20_001 }, (_, index) => ({ jid: `r${index}`, record: scheduled })));
  const { ids, records } = unwritten.take();
  assert.deepEqual([ids.length, records.length], [100_000, 20_000]);
});
