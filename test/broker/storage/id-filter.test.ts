// The filter of ids: it may err in one direction only.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createIdFilter } from '../../../src/broker/storage/id-filter.ts';
import { sha256 } from '../../../src/domain/digest.ts';

describe('a filter of ids', () => {
  it('knows every id that was added, however large it grows, and few others', () => {
    const filter = createIdFilter();
    const count = 100_000;
    for (let index = 0; index < count; index++) filter.add(sha256(`added ${index}`));
    for (let index = 0; index < count; index++) assert.ok(filter.mayHave(sha256(`added ${index}`)), `id ${index}`);
    let wrong = 0;
    for (let index = 0; index < count; index++) if (filter.mayHave(sha256(`other ${index}`))) wrong++;
    assert.ok(wrong < count * 0.03, `${wrong} of ${count} that were not added`);
  });

  it('has no id at first', () => {
    assert.equal(createIdFilter().mayHave(sha256('any')), false);
  });
});
