// The records of a LevelDB, page by page.
import type { ClassicLevel } from 'classic-level';

const pageRecordsMax = 1000;

/** Records in key order, from `from` on or all, as they are when the first page is asked for. */
export async function* readRecords<Key, Value>(
  db: ClassicLevel<Key, Value>,
  from?: Buffer,
): AsyncGenerator<[key: Buffer, value: Buffer][]> {
  // An iterator reads what was there when it was made.
  const iterator = db.iterator<Buffer, Buffer>({
    ...(from && { gte: from }),
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    fillCache: false,
    highWaterMarkBytes: 256 * 1024,
  });
  try {
    for (;;) {
      const entries = await iterator.nextv(pageRecordsMax);
      if (entries.length === 0) return;
      yield entries;
    }
  } finally {
    await iterator.close();
  }
}
