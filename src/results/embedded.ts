// The result store of the all-in-one process: a database with one writer. The records that come during a sync are the next
// group, which is synced once. Relies on classic-level (LevelDB): one process per folder.
import type { CopiedRecord } from '../domain/backup.ts';
import { isEnded, isWaiting, type JobRecord, type ResultStore } from '../domain/results.ts';
import { openEmbeddedRecords } from './embedded-records.ts';
import { compare, createPuts } from './puts.ts';
import { createUnwritten } from './unwritten.ts';
import { createWaiters } from './waiters.ts';

export interface EmbeddedResultsOptions {
  /** The database's folder; made when it is missing. */
  dataDir: string;
  ttlSeconds: number;
  /** How many of the latest jobs are kept; up to an eighth more are (twice as many where records have no id). */
  resultsMax: number;
  /** Milliseconds since 1970. */
  now?: () => number;
}

export interface EmbeddedResults extends ResultStore {
  /** For a copy: all records, in pages, with every id and record that came before. */
  records(): AsyncIterable<readonly CopiedRecord[]>;
}

/** A group of ids alone waits this long for more: with few callers a write for each frame would cost as much as the frame. */
const idsLingerMs = 20;

/** Rejects with a text for the operator when the folder cannot be opened, for example because another process has it. */
export async function createEmbeddedResults(options: EmbeddedResultsOptions): Promise<EmbeddedResults> {
  const { now = Date.now, ttlSeconds, resultsMax: jobsMax } = options;
  const database = await openEmbeddedRecords({ ...options, ttlMs: ttlSeconds * 1000, jobsMax, now });
  const unwritten = createUnwritten();
  const puts = createPuts();
  const get = (jid: string): Promise<JobRecord | undefined> => database.read(jid, unwritten.get(jid));
  const waiters = createWaiters(get);
  let isWriting = false;
  let hasFailed = false;
  let linger: NodeJS.Timeout | undefined;
  let written: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    isWriting = true;
    while (!unwritten.isEmpty() || puts.count > 0) {
      const fresh = unwritten.take();
      const group = puts.takeGroup();
      try {
        if (hasFailed) await database.reopen();
        const { records, refused } = await compare(group, get);
        await database.write(fresh, records, group.length > 0);
        unwritten.remove(fresh);
        for (const put of group) put.resolve(!refused.has(put));
        for (const record of records) if (isEnded(record)) waiters.wake(record);
        hasFailed = false;
      } catch (error) {
        hasFailed = true;
        unwritten.putBack(fresh);
        for (const put of group) put.reject(error);
        // The next write tries again. Without this end the loop would spin on a disk that refuses every write.
        if (puts.count === 0) break;
      }
    }
    isWriting = false;
  }

  function startWriting(): void {
    clearTimeout(linger);
    linger = undefined;
    if (!isWriting) written = write();
  }

  function put(...given: Parameters<typeof puts.add>): Promise<boolean> {
    const stored = puts.add(...given);
    startWriting();
    return stored;
  }

  return {
    get,
    wait: waiters.wait,
    put: async (records) => void (await put(records)),
    cancel: (record) => put([record], (_, known) => isWaiting(known)),
    check: async () => void (await put([])),
    async *records() {
      await put([]);
      yield* database.all();
    },
    remember(jobs) {
      unwritten.add(jobs);
      linger ??= setTimeout(startWriting, idsLingerMs);
    },
    async close() {
      waiters.close();
      startWriting();
      await written;
      await database.close();
    },
  };
}
