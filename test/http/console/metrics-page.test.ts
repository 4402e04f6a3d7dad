// Reading a page of metrics back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Counter, Registry } from 'prom-client';
import { readSeries } from '../../../src/http/console/metrics-page.ts';

describe('a page of metrics', () => {
  it('is read as the library has written it', async () => {
    const registry = new Registry();
    const counter = new Counter({ name: 'a_total', help: 'A', labelNames: ['x', 'y'], registers: [registry] });
    const odd = ['plain', 'a "b" {c=1} 2', 'a\\nb', 'a\nb', 'a,y="1"'];
    odd.forEach((x, index) => counter.inc({ x, y: 'é' }, index + 0.5));
    new Counter({ name: 'b_total', help: 'B', registers: [registry] }).inc(7);
    new Counter({ name: 'c_total', help: 'C', registers: [registry] }).inc(8);
    const read = readSeries(await registry.metrics(), new Set(['a_total', 'b_total', 'd_total']));
    assert.deepEqual(
      read('a_total'),
      odd.map((x, index) => ({ labels: { x, y: 'é' }, value: index + 0.5 })),
    );
    assert.deepEqual(read('b_total'), [{ labels: {}, value: 7 }]);
    assert.deepEqual(read('c_total'), []);
    assert.deepEqual(read('d_total'), []);
  });

  it('has numbers of any size', () => {
    const read = readSeries('a 1e+21\na{le="+Inf"} 3\nb -0.5\n', new Set(['a', 'b']));
    assert.deepEqual(read('a'), [
      { labels: {}, value: 1e21 },
      { labels: { le: '+Inf' }, value: 3 },
    ]);
    assert.deepEqual(read('b'), [{ labels: {}, value: -0.5 }]);
  });
});
