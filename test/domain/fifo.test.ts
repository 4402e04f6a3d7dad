import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createFifo } from '../../src/domain/fifo.ts';

describe('fifo', () => {
  it('does what an array does, in any order of pushes and shifts', () => {
    const steps = fc.array(
      fc.oneof(
        fc.nat(3000),
        fc.nat(3000).map((n) => -n),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(steps, (counts) => {
        const fifo = createFifo<number>();
        let model: number[] = [];
        let next = 0;
        for (const count of counts) {
          for (let i = 0; i < count; i++, next++) {
            fifo.push(next);
            model.push(next);
          }
          const expected = model.slice(0, Math.max(0, -count));
          const shifted = expected.map(() => fifo.shift());
          assert.deepEqual(shifted, expected);
          model = model.slice(expected.length);
          assert.equal(fifo.size, model.length);
          assert.equal(fifo.peek(), model[0]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('answers undefined when it is empty, and goes on working', () => {
    const fifo = createFifo<string>();
    assert.equal(fifo.shift(), undefined);
    assert.equal(fifo.peek(), undefined);
    fifo.push('a');
    assert.equal(fifo.shift(), 'a');
    assert.equal(fifo.shift(), undefined);
    assert.equal(fifo.size, 0);
  });
});
