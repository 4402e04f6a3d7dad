// Points of the console's charts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Counts } from '../../../src/http/console/figures.ts';
import { pointBetween, quantileOf } from '../../../src/http/console/rates.ts';

const counts = (atMs: number, offered: Record<string, number>, rest: Partial<Counts> = {}): Counts => ({
  atMs,
  offered,
  processed: undefined,
  failures: undefined,
  responses: new Map(),
  ...rest,
});
const levels = { at: 0, queued: 3, latency: 1 };

describe('a point', () => {
  it('has rates per second', () => {
    const before = counts(1000, { enqueued: 10, rejected: 1 }, { processed: 5, failures: 1 });
    const now = counts(3000, { enqueued: 30, rejected: 1, unknown: 1 }, { processed: 8, failures: 1 });
    const { enqueued, rejected, unknown, refused, processed, failed, queued } = pointBetween(before, now, levels);
    assert.deepEqual([enqueued, rejected, unknown, refused, processed, failed, queued], [10, 0, 0.5, 0, 1.5, 0, 3]);
  });

  it('has no rate below 0 when a process took its counts along', () => {
    const { enqueued } = pointBetween(counts(0, { enqueued: 100 }), counts(1000, { enqueued: 4 }), levels);
    assert.equal(enqueued, 0);
  });

  it('says nothing of a broker that did not', () => {
    const point = pointBetween(counts(0, {}, { processed: 1 }), counts(1000, {}), levels);
    assert.deepEqual([point.processed, point.failed, point.p50, point.p95], [null, null, null, null]);
  });

  it('has the quantiles of the responses in between', () => {
    const buckets = (...cumulative: number[]) =>
      new Map([0.1, 1, Infinity].map((upper, index) => [upper, cumulative[index] as number]));
    const { p50, p95 } = pointBetween(
      counts(0, {}, { responses: buckets(1000, 1000, 1000) }),
      counts(1000, {}, { responses: buckets(1005, 1010, 1010) }),
      levels,
    );
    assert.deepEqual([p50, p95], [0.1, 0.91]);
  });
});

describe('a quantile', () => {
  it('lies within its bucket, above all of them at the highest bucket, and nowhere without a response', () => {
    const buckets = new Map([
      [Infinity, 10],
      [1, 8],
      [2, 8],
    ]);
    assert.equal(quantileOf(buckets, 0.4), 0.5);
    assert.equal(quantileOf(buckets, 0.99), 2);
    assert.equal(quantileOf(new Map([[Infinity, 0]]), 0.5), undefined);
    assert.equal(quantileOf(new Map(), 0.5), undefined);
  });
});
