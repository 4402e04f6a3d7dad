import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createRemovals } from '../../src/domain/job-removals.ts';

interface Round {
  jids: readonly string[];
  end: (removed: readonly string[]) => void;
  fail: (error: Error) => void;
}

function setUp() {
  const rounds: Round[] = [];
  const remove = createRemovals(
    (jids) =>
      new Promise((resolve, reject) => {
        rounds.push({ jids, end: (removed) => resolve(new Set(removed)), fail: reject });
      }),
  );
  const round = (index: number): Round => rounds[index] as Round;
  return { rounds, round, remove };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('removals that come while one is under way go together, and each is told of its own job', async () => {
  const { rounds, round, remove } = setUp();
  const first = remove('a');
  const others = ['b', 'c', 'd'].map(remove);
  await settle();
  assert.deepEqual(
    rounds.map(({ jids }) => jids),
    [['a']],
  );
  round(0).end(['a']);
  assert.equal(await first, true);
  await settle();
  assert.deepEqual(round(1).jids, ['b', 'c', 'd']);
  round(1).end(['d', 'b']);
  assert.deepEqual(await Promise.all(others), [true, false, true]);
  assert.equal(rounds.length, 2);
});

it('two removals of one job are one after the other', async () => {
  const { round, remove } = setUp();
  void remove('x');
  const both = ['a', 'a', 'b'].map(remove);
  round(0).end([]);
  await settle();
  assert.deepEqual(round(1).jids, ['a', 'b']);
  round(1).end(['a', 'b']);
  await settle();
  assert.deepEqual(round(2).jids, ['a']);
  round(2).end([]);
  assert.deepEqual(await Promise.all(both), [true, false, true]);
});

it('a round holds at most 100, and one that fails is told to its own callers only', async () => {
  const { round, remove } = setUp();
  void remove('x');
  const all = Array.from({ length: 101 }, (_, index) => remove(`job-${index}`));
  round(0).end([]);
  await settle();
  assert.equal(round(1).jids.length, 100);
  const failed = Promise.allSettled(all.slice(0, 100));
  round(1).fail(new Error('no reply'));
  assert.ok((await failed).every(({ status }) => status === 'rejected'));
  assert.deepEqual(round(2).jids, ['job-100']);
  round(2).end(['job-100']);
  assert.equal(await all[100], true);
});
