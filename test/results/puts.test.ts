// Which records of a group are written, and how large a group is.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isWaiting, type JobRecord } from '../../src/domain/results.ts';
import { compare, createPuts } from '../../src/results/puts.ts';

const ended = (job_id: string): JobRecord => ({ job_id, state: 'failed' });
const pending = (job_id: string): JobRecord => ({ job_id, state: 'pending', error: 'an earlier attempt failed' });

it('a group has at most 2,000 records, or a single put', () => {
  const puts = createPuts();
  for (const count of [1500, 500, 1, 3000, 1]) void puts.add(Array.from({ length: count }, () => ended('a')));
  const groups: number[][] = [];
  while (puts.count > 0) groups.push(puts.takeGroup().map(({ records }) => records.length));
  assert.deepEqual(groups, [[1500, 500], [1], [3000], [1]]);
});

it('an end is written without a look; the record of a job that has not ended replaces no end, of its own group neither', async () => {
  const puts = createPuts();
  const looked: string[] = [];
  const compareNext = () =>
    compare(puts.takeGroup(), (jid) => {
      looked.push(jid);
      return Promise.resolve(jid === 'b' ? ended('b') : undefined);
    });
  void puts.add([ended('a')]);
  assert.deepEqual((await compareNext()).records, [ended('a')]);
  assert.deepEqual(looked, []);
  void puts.add([pending('b'), pending('c')]);
  void puts.add([ended('c')]);
  void puts.add([pending('c')]);
  const { records, refused } = await compareNext();
  assert.deepEqual(records, [pending('c'), ended('c')]);
  assert.deepEqual(looked, ['b', 'c', 'c']);
  assert.equal(refused.size, 2);
});

it('a cancellation is compared, though it is an end', async () => {
  for (const [known, taken] of [
    [ended('a'), 0],
    [pending('a'), 1],
  ] as const) {
    const puts = createPuts();
    void puts.add([{ job_id: 'a', state: 'cancelled' }], (_, stored) => isWaiting(stored));
    const { records, refused } = await compare(puts.takeGroup(), () => Promise.resolve(known));
    assert.deepEqual([records.length, refused.size], [taken, 1 - taken]);
  }
});
