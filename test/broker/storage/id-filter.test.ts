// The filter of ids: it may err in one direction only.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createIdFilter } from '../../../src/broker/storage/id-filter.ts';
import { digestOf } from '../../../src/domain/digest.ts';

describe('a filter of ids', () => {
  const count = 100_000;

  it('knows every id that was added, more than it is made for too', () => {
    const filter = createIdFilter(count / 2);
    for (let index = 0; index < count; index++) filter.add(digestOf(`added ${index}`));
    for (let index = 0; index < count; index++) assert.ok(filter.mayHave(digestOf(`added ${index}`)), `id ${index}`);
  });

  it('takes few others for known when it is full', () => {
    const filter = createIdFilter(count);
    for (let index = 0; index < count; index++) filter.add(digestOf(`added ${index}`));
    let wrong = 0;
    for (let index = 0; index < count; index++) if (filter.mayHave(digestOf(`other ${index}`))) wrong++;
    assert.ok(wrong < count * 0.001, `${wrong} of ${count} that were not added`);
  });

  it('has no id at first', () => {
    assert.equal(createIdFilter(count).mayHave(digestOf('any')), false);
  });
});
