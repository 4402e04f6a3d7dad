import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createChain, type Linked } from '../../src/domain/chain.ts';

class Item implements Linked<Item> {
  before: Item | undefined = undefined;
  after: Item | undefined = undefined;
}

describe('chain', () => {
  it('holds what a set holds, in its order, whatever is added and deleted', () => {
    const steps = fc.array(fc.record({ adds: fc.boolean(), item: fc.nat(7) }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (all) => {
        const items = Array.from({ length: 8 }, () => new Item());
        const chain = createChain<Item>();
        const model = new Set<Item>();
        for (const { adds, item: index } of all) {
          const item = items[index] as Item;
          if (!adds) assert.equal(chain.delete(item), model.delete(item));
          else if (!model.has(item)) {
            chain.add(item);
            model.add(item);
          }
          const [first] = model;
          assert.equal(chain.first, first);
        }
        for (const item of model) {
          assert.equal(chain.first, item);
          chain.delete(item);
        }
        assert.equal(chain.first, undefined);
      }),
    );
  });

  it('leaves a deleted item without neighbours', () => {
    const chain = createChain<Item>();
    const [a, b, c] = [new Item(), new Item(), new Item()];
    for (const item of [a, b, c]) chain.add(item);
    chain.delete(b);
    assert.deepEqual([b.before, b.after], [undefined, undefined]);
    assert.deepEqual([a.after, c.before], [c, a]);
  });
});
