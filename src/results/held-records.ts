// Records of enqueued jobs on their way to the store. No caller waits for them. Records that the store did not take are kept
// here, up to a limit, and sent again.
import type { Clock, Timer } from '../domain/clock.ts';
import type { JobRecord } from '../domain/results.ts';

export interface HeldRecordsOptions {
  /** One command. */
  send: (records: readonly JobRecord[]) => Promise<unknown>;
  /** False while sending is known to be in vain. */
  isReady: () => boolean;
  clock: Clock;
}

export interface HeldRecords {
  get(jid: string): JobRecord | undefined;
  add(records: readonly JobRecord[]): void;
  close(): void;
}

/** About 10 MB. Beyond them the oldest are forgotten. */
const recordsMax = 20_000;
const retryMs = 1000;
const retryGroupMax = 500;

export function createHeldRecords({ send, isReady, clock }: HeldRecordsOptions): HeldRecords {
  const held = new Map<string, JobRecord>();
  /** Ids of records that were not sent, or not taken. */
  const left = new Set<string>();
  let timer: Timer | undefined;
  let isClosed = false;

  function forget(jid: string): void {
    held.delete(jid);
    left.delete(jid);
  }

  function leave(records: readonly JobRecord[]): void {
    for (const { job_id } of records) if (held.has(job_id)) left.add(job_id);
    if (!isClosed && left.size > 0) timer ??= clock.after(retryMs, () => void retry());
  }

  async function trySend(records: readonly JobRecord[]): Promise<boolean> {
    try {
      await send(records);
      for (const { job_id } of records) forget(job_id);
      return true;
    } catch {
      leave(records);
      return false;
    }
  }

  async function retry(): Promise<void> {
    let isTaken = isReady();
    while (isTaken && left.size > 0) {
      const jids = [...left].slice(0, retryGroupMax);
      for (const jid of jids) left.delete(jid);
      isTaken = await trySend(jids.map((jid) => held.get(jid) as JobRecord));
    }
    timer = undefined;
    leave([]);
  }

  return {
    get: (jid) => held.get(jid),
    add(records) {
      for (const record of records) held.set(record.job_id, record);
      for (const jid of held.keys()) {
        if (held.size <= recordsMax) break;
        forget(jid);
      }
      if (isReady()) void trySend(records);
      else leave(records);
    },
    close() {
      isClosed = true;
      timer?.cancel();
    },
  };
}
