// A point of the console's charts, from two readings of the counters.
import type { Counts } from './figures.ts';

/** In jobs a second, seconds, and jobs. Null: there is no value. */
export interface Point {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly enqueued: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly refused: number;
  readonly unknown: number;
  /** Jobs that ended, and attempts that failed, by any worker. */
  readonly processed: number | null;
  readonly failed: number | null;
  /** The time in which half of the responses to POST /jobs* were ready. */
  readonly p50: number | null;
  readonly p95: number | null;
  /** Jobs in all queues, and the age of the oldest of them. */
  readonly queued: number | null;
  readonly latency: number | null;
}

/** Three digits are more than a chart can show. */
const short = (value: number): number => Number(value.toPrecision(3));

/** The sum over processes may fall, because a process that was killed takes its counts with it. */
const rateOf = (before: number, now: number, seconds: number): number => short(Math.max(0, now - before) / seconds);

/** Linear within a bucket, and the lower edge of the last bucket. Undefined without an observation. */
export function quantileOf(buckets: ReadonlyMap<number, number>, share: number): number | undefined {
  const sorted = [...buckets].sort(([one], [other]) => one - other);
  const rank = share * (sorted.at(-1)?.[1] ?? 0);
  if (!(rank > 0)) return undefined;
  let [lower, below] = [0, 0];
  for (const [upper, count] of sorted) {
    if (count >= rank) return upper === Infinity ? lower : lower + ((upper - lower) * (rank - below)) / (count - below);
    [lower, below] = [upper, count];
  }
  return lower;
}

function since(before: Counts['responses'], now: Counts['responses']): ReadonlyMap<number, number> {
  const fell = [...now].some(([upper, count]) => count < (before.get(upper) ?? 0));
  return fell ? new Map() : new Map([...now].map(([upper, count]) => [upper, count - (before.get(upper) ?? 0)]));
}

/** The rate of a count of the broker. Null: the broker lacks one of both values. */
const brokerRate = (before: number | undefined, now: number | undefined, seconds: number): number | null =>
  before === undefined || now === undefined ? null : rateOf(before, now, seconds);

/** Fields that are not rates. */
export type Levels = Pick<Point, 'at' | 'queued' | 'latency'>;

export function pointBetween(before: Counts, now: Counts, levels: Levels): Point {
  const seconds = (now.atMs - before.atMs) / 1000;
  const offered = (outcome: string): number => rateOf(before.offered[outcome] ?? 0, now.offered[outcome] ?? 0, seconds);
  const responses = since(before.responses, now.responses);
  const quantile = (share: number): number | null => {
    const value = quantileOf(responses, share);
    return value === undefined ? null : short(value);
  };
  return {
    ...levels,
    enqueued: offered('enqueued'),
    duplicate: offered('duplicate'),
    rejected: offered('rejected'),
    refused: offered('refused'),
    unknown: offered('unknown'),
    processed: brokerRate(before.processed, now.processed, seconds),
    failed: brokerRate(before.failures, now.failures, seconds),
    p50: quantile(0.5),
    p95: quantile(0.95),
  };
}
