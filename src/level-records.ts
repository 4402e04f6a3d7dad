// The records of a LevelDB, page by page.
import type { ClassicLevel } from 'classic-level';

const pageRecordsMax = 1000;

/** Yields the records in key order, all or from `from` on, as they are when the first page is asked for. */
export async function* readRecords<Key, Value>(
  db: ClassicLevel<Key, Value>,
  from?: Buffer,
): AsyncGenerator<[key: Buffer, value: Buffer][]> {
  // A LevelDB iterator reads the records that were there when it was made.
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
