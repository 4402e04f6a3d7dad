// The checker is checked: every way to lose, invent, repeat or mix up a job that it is there for, planted into a clean history.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  checkConservation,
  violationsOf,
  type Facts,
  type OfferedJob,
  type SeenJob,
  type Violation,
} from './conservation.ts';
import { showed } from './matrix.ts';

interface History {
  offered: OfferedJob[];
  stored: SeenJob[];
  run: SeenJob[];
  stalls: { fromMs: number; toMs: number }[];
}

const job = (nonce: string, outcome: OfferedJob['outcome'], a: number, more: Partial<OfferedJob> = {}): OfferedJob => ({
  nonce,
  operation: 'add',
  a,
  b: 1,
  askedMs: 100,
  repliedMs: 110,
  outcome,
  jobId: outcome === 'refused' ? undefined : `id-${nonce}`,
  message: undefined,
  detail: undefined,
  ...more,
});

const seen = ({ nonce, operation, a, b, more }: OfferedJob): SeenJob => ({
  nonce,
  operation,
  a,
  b,
  more,
  jobId: `id-${nonce}`,
});

/** Nothing is wrong in it, though everything has happened. */
function cleanHistory(): History {
  const offered = [
    job('single', 'enqueued', 1, { message: 'Job enqueued to add 1 + 1' }),
    job('minus', 'enqueued', -1.5e-7, { message: 'Job enqueued to add -1.5e-7 + 1' }),
    job('batch-0', 'enqueued', 2),
    job('batch-1', 'enqueued', 3),
    job('batch-2', 'refused', 4),
    job('stored', 'unknown', 5),
    job('vanished', 'unknown', 6),
    job('silent', 'unknown', 7, { jobId: undefined }),
    job('done', 'enqueued', 8),
    job('explicit', 'enqueued', 11, { more: 'queue, at, large arguments' }),
    job('turned-away', 'refused', 9),
    job('stalled', 'enqueued', 10, { askedMs: 1000, repliedMs: 4500 }),
  ];
  const named = (...nonces: string[]): SeenJob[] =>
    offered.filter(({ nonce }) => nonces.includes(nonce)).map((own) => seen(own));
  return {
    offered,
    stored: [...named('explicit', 'single', 'minus', 'batch-0', 'batch-1', 'stored', 'stalled'), ...named('stalled')],
    run: named('done', 'silent'),
    stalls: [{ fromMs: 1100, toMs: 4400 }],
  };
}

const at = <T>(list: readonly T[], find: (item: T) => boolean): number => {
  const index = list.findIndex(find);
  assert.notEqual(index, -1);
  return index;
};

function change(history: History, nonce: string, part: Partial<OfferedJob>): void {
  const index = at(history.offered, (own) => own.nonce === nonce);
  history.offered[index] = { ...(history.offered[index] as OfferedJob), ...part };
}

function changeSeen(list: SeenJob[], nonce: string, part: Partial<SeenJob>): void {
  const index = at(list, (own) => own.nonce === nonce);
  list[index] = { ...(list[index] as SeenJob), ...part };
}

const remove = (list: SeenJob[], nonce: string): void =>
  void list.splice(
    at(list, (own) => own.nonce === nonce),
    1,
  );
const offeredAs = ({ offered }: History, nonce: string): SeenJob =>
  seen(offered[at(offered, (own) => own.nonce === nonce)] as OfferedJob);

/** Each with the one kind that it is to be found as. */
const planted: readonly [bug: string, finds: Violation, plant: (history: History) => void][] = [
  ['acknowledges before the broker has it', 'lost', ({ stored }) => remove(stored, 'single')],
  ['acknowledges a batch of which one entry was refused', 'lost', ({ stored }) => remove(stored, 'batch-1')],
  ['takes silence for a yes', 'lost', (history) => change(history, 'vanished', { outcome: 'enqueued' })],
  ['pops a job and forgets it', 'lost', ({ run }) => remove(run, 'done')],
  ['comes back empty after a crash', 'lost', ({ stored }) => void stored.splice(0)],
  ['calls an unknown outcome a refusal', 'ghosts', (history) => change(history, 'stored', { outcome: 'refused' })],
  [
    'calls it one although a worker ran the job',
    'ghosts',
    (history) => change(history, 'silent', { outcome: 'refused' }),
  ],
  ['refuses an entry, and pushes it', 'ghosts', (history) => history.stored.push(offeredAs(history, 'batch-2'))],
  ['turns a job away, and pushes it later', 'ghosts', (history) => history.run.push(offeredAs(history, 'turned-away'))],
  ['makes a job of its own', 'invented', ({ stored }) => stored.push(seen(job('own', 'enqueued', 1)))],
  ['runs a job that nobody offered', 'invented', ({ run }) => run.push(seen(job('own', 'enqueued', 1)))],
  [
    'leaves the request_id out of a second copy',
    'invented',
    (history) => history.stored.push({ ...offeredAs(history, 'single'), nonce: null }),
  ],
  ['pushes what was acknowledged again', 'doubled', (history) => history.stored.push(offeredAs(history, 'batch-0'))],
  ['hands out a job that has run', 'doubled', (history) => history.run.push(offeredAs(history, 'done'))],
  ['keeps a job that has run', 'doubled', (history) => history.stored.push(offeredAs(history, 'done'))],
  [
    'stores twice although it did not stand still',
    'doubled',
    (history) => change(history, 'stalled', { askedMs: 5000, repliedMs: 5010 }),
  ],
  [
    'gives the ids of a batch in another order',
    'crossed',
    (history) => {
      change(history, 'batch-0', { jobId: 'id-batch-1' });
      change(history, 'batch-1', { jobId: 'id-batch-0' });
    },
  ],
  ['tells two callers one id', 'crossed', (history) => change(history, 'vanished', { jobId: 'id-single' })],
  ['tells no id', 'crossed', (history) => change(history, 'single', { jobId: undefined })],
  ['stores another id than it told', 'crossed', ({ stored }) => changeSeen(stored, 'single', { jobId: 'id-other' })],
  [
    "answers with another request's operands",
    'crossed',
    (history) => change(history, 'single', { message: 'Job enqueued to add 2 + 1' }),
  ],
  [
    'swaps the operands in its response',
    'crossed',
    (history) => change(history, 'batch-0', { message: 'Job enqueued to add 1 + 2' }),
  ],
  ['stores another operand', 'crossed', ({ stored }) => changeSeen(stored, 'batch-0', { a: 3 })],
  ['stores another operation', 'crossed', ({ stored }) => changeSeen(stored, 'stored', { operation: 'subtract' })],
  ['cuts large arguments', 'crossed', ({ stored }) => changeSeen(stored, 'explicit', { more: 'queue, at' })],
  ['loses the options', 'crossed', ({ stored }) => changeSeen(stored, 'explicit', { more: undefined })],
  ['gives options to another job', 'crossed', ({ stored }) => changeSeen(stored, 'single', { more: 'queue, at' })],
  ['forgets a scheduled job', 'lost', ({ stored }) => remove(stored, 'explicit')],
  ['runs with another operand', 'crossed', ({ run }) => changeSeen(run, 'done', { b: 2 })],
];

describe('the conservation checker', () => {
  it('finds nothing in a history in which nothing is wrong, and says what was allowed', () => {
    const history = cleanHistory();
    const findings = checkConservation(history);
    assert.deepEqual(violationsOf(findings), {});
    assert.deepEqual(
      findings.recovered.map(({ nonce }) => nonce),
      ['stored', 'silent'],
    );
    assert.deepEqual(
      findings.explained.stalled.map(({ nonce }) => nonce),
      ['stalled'],
    );
  });

  it('holds an unknown outcome to be a reason for a second copy', () => {
    const history = cleanHistory();
    history.run.push(offeredAs(history, 'stored'));
    const findings = checkConservation(history);
    assert.deepEqual(violationsOf(findings), {});
    assert.deepEqual(
      findings.explained.unknown.map(({ nonce }) => nonce),
      ['stored'],
    );
  });

  it('does not count a nonce that was used twice', () => {
    const twice: Facts = { offered: [job('x', 'enqueued', 1), job('x', 'enqueued', 1)], stored: [], run: [] };
    assert.throws(() => checkConservation(twice), /a nonce was offered twice/);
  });

  it('catches every planted lie, and calls it by its name', () => {
    for (const [bug, finds, plant] of planted) {
      const history = cleanHistory();
      plant(history);
      assert.deepEqual(Object.keys(violationsOf(checkConservation(history))), [finds], bug);
    }
    showed(
      'checker',
      `${planted.length} of ${planted.length} lies planted into a clean history, each called by its name`,
    );
  });
});
