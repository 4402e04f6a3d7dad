// The records of ids: what is read for an id.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ClassicLevel } from 'classic-level';
import { createJid } from '../../src/domain/jid.ts';
import { findId } from '../../src/results/id-records.ts';

const generation = { number: 1, startedMs: 0, entries: 0 };
const prefix = 'i00000001';

async function rangeOf(jid: string): Promise<object | undefined> {
  let range: object | undefined;
  const iterator = (asked: object) => {
    range = asked;
    return { all: async () => [] };
  };
  await findId({ iterator } as unknown as ClassicLevel, generation, jid);
  return range;
}

it('an id is looked for among the ids of its 16 ms, and a short id nowhere else', async () => {
  const jid = createJid(Date.UTC(2100, 0, 1));
  const start = prefix + jid.slice(0, 12);
  assert.deepEqual(await rangeOf(jid), { gte: start, lte: `${start}~` });
  assert.deepEqual(await rangeOf(jid.slice(0, 8)), { gte: prefix + jid.slice(0, 8), lte: prefix + jid.slice(0, 8) });
});
