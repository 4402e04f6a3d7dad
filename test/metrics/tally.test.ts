// Our counters and histograms give the page that the library's own give.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Counter, Histogram, Registry } from 'prom-client';
import { createCounter, createHistogram } from '../../src/metrics/tally.ts';

const of = { name: 'work', help: 'Of a test.', labelNames: ['kind', 'outcome'] as const };
const labels = { kind: 'a "quoted" one', outcome: 'ok' };

describe('our metrics', () => {
  it('give the page of a histogram of the library, bounds and values above them included', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const buckets = [0.1, 1, 10];
    const observe = createHistogram({ registry: ours, ...of, buckets })(labels);
    const other = new Histogram({ ...of, buckets, registers: [theirs] }).labels(labels.kind, labels.outcome);
    for (const value of [0, 0.1, 0.100001, 1, 5, 10, 10.5, 1000]) {
      observe(value);
      other.observe(value);
    }
    const sorted = (page: string): string[] =>
      page
        .split('\n')
        .map((line) => line.replace(/\{(.*)\}/, (_, text: string) => `{${text.split(',').sort().join()}}`));
    assert.deepEqual(sorted(await ours.metrics()), sorted(await theirs.metrics()));
  });

  it('give the page of a counter of the library, and one series for one set of labels', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const series = createCounter({ registry: ours, ...of });
    const other = new Counter({ ...of, registers: [theirs] });
    series(labels).count += 2;
    series({ ...labels }).count += 1;
    other.inc(labels, 3);
    assert.equal(await ours.metrics(), await theirs.metrics());
  });
});
