// Counters and histograms for the code that every request and job runs. A series is looked up once; to add to it takes some
// nanoseconds.
import { addMetric, type Described, type Value } from './read.ts';

/** One series of a counter. Its holder adds to `count`. */
export interface Count {
  count: number;
}

type Labels<Label extends string> = Readonly<Record<Label, string>>;

/** Gives each set of labels its series, and the same set always the same one. */
function createSeries<Label extends string, Series>(make: () => Series) {
  const all = new Map<string, { labels: Labels<Label>; series: Series }>();
  return {
    all,
    of(labels: Labels<Label>): Series {
      const key = JSON.stringify(labels);
      let found = all.get(key);
      if (found === undefined) all.set(key, (found = { labels, series: make() }));
      return found.series;
    },
  };
}

/** @returns a function from labels to their series, which callers keep */
export function createCounter<Label extends string>(of: Described<Label>): (labels: Labels<Label>) => Count {
  const { all, of: seriesOf } = createSeries<Label, Count>(() => ({ count: 0 }));
  addMetric(of, 'counter', () => [...all.values()].map(({ labels, series }) => ({ labels, value: series.count })));
  return seriesOf;
}

interface Sums {
  /** By bucket, not cumulative. The last counts the values above all limits. */
  counts: number[];
  sum: number;
  observe: (value: number) => void;
}

function createSums(buckets: readonly number[]): Sums {
  const last = buckets.length;
  const counts = new Array<number>(last + 1).fill(0);
  const sums: Sums = {
    counts,
    sum: 0,
    observe(value) {
      let bucket = 0;
      while (bucket < last && value > (buckets[bucket] as number)) bucket++;
      (counts[bucket] as number)++;
      sums.sum += value;
    },
  };
  return sums;
}

/** A histogram without labels. It is on the page from its first value on, so only processes that use it show it. */
export function createOneHistogram(of: Described & { buckets: readonly number[] }): (value: number) => void {
  const seriesOf = createHistogram(of);
  let observe: ((value: number) => void) | undefined;
  return (value) => (observe ??= seriesOf({}))(value);
}

/** @param of its `buckets` are upper limits, the least first */
export function createHistogram<Label extends string>(
  of: Described<Label> & { buckets: readonly number[] },
): (labels: Labels<Label>) => (value: number) => void {
  const { name, buckets } = of;
  const { all, of: sumsOf } = createSeries<Label, Sums>(() => createSums(buckets));

  function rowsOf(labels: Labels<Label>, { counts, sum }: Sums): Value[] {
    let count = 0;
    const rows: Value[] = counts.map((inBucket, index) => {
      count += inBucket;
      return { metricName: `${name}_bucket`, labels: { ...labels, le: buckets[index] ?? '+Inf' }, value: count };
    });
    return [
      ...rows,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }

  addMetric(of, 'histogram', () => [...all.values()].flatMap(({ labels, series }) => rowsOf(labels, series)));
  return (labels) => sumsOf(labels).observe;
}
