// Ids of enqueued jobs in the embedded store. The ids of a group that begin alike share a record, because a record for each id
// makes a batch a quarter dearer. The key of the record ends with its first id. Its value is the time, then the rest of each
// further id. Earlier versions wrote a record for each id: its key ends with the id, and its value is the time.
import type { ClassicLevel } from 'classic-level';
import { idKeyOf, type Generation } from './generations.ts';

type Batch = Pick<ReturnType<ClassicLevel['batch']>, 'put'>;

/** The ids of this service are version 7 UUIDs: the first 12 characters (with a hyphen) are alike for 16 ms. */
const alikeChars = 12;
/** Sorts after every character of an id. */
const behindIds = '~';

/** @param stamp the time of the group, in base 36 */
export function putIds(batch: Batch, generation: Generation, ids: readonly string[], stamp: string): void {
  for (let index = 0; index < ids.length;) {
    const first = ids[index] as string;
    const alike = first.slice(0, alikeChars);
    let value = stamp;
    for (index++; ids[index]?.startsWith(alike) === true; index++)
      value += `,${(ids[index] as string).slice(alikeChars)}`;
    batch.put(idKeyOf(generation, first), value);
  }
}

/** Resolves with the values of the records of this generation that hold the id. */
export async function findId(db: ClassicLevel, generation: Generation, jid: string): Promise<string[]> {
  const key = idKeyOf(generation, jid);
  const start = idKeyOf(generation, jid.slice(0, alikeChars));
  // A short id shares its record with no other id, and begins like all ids of a long time, which need not be read.
  const end = jid.length > alikeChars ? start + behindIds : start;
  const records = await db.iterator({ gte: start, lte: end }).all();
  const rest = `,${jid.slice(alikeChars)},`;
  return records.filter(([at, value]) => at === key || `${value},`.includes(rest)).map(([, value]) => value);
}
