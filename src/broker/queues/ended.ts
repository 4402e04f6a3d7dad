// Jobs that will not run any more although no worker has ended them: discarded, killed, or dead. When their end is on disk, the
// store of results gets a record for each.
import type { Ledger } from '../storage/ledger.ts';

export interface EndReason {
  errtype: string;
  message: string;
}

export interface EndedJob extends EndReason {
  jid: string;
}

export interface EndedJobs {
  /** False: nothing is noted, because no store of results listens. */
  readonly isHeard: boolean;
  /** @param text the job's JSON */
  add(text: string, reason: EndReason): void;
  /** Resolves when the results have all ends that are on disk now. */
  told(): Promise<void>;
}

interface EndedJobsOptions {
  ledger: Ledger;
  /** Never rejects. */
  tell: ((jobs: readonly EndedJob[]) => Promise<void>) | undefined;
}

/** The error of a result has as many characters as FAIL keeps of a message. */
const messageCharsMax = 1000;

export function createEndedJobs({ ledger, tell }: EndedJobsOptions): EndedJobs {
  const byGroup = new Map<number, EndedJob[]>();
  let telling: Promise<void> = Promise.resolve();

  const listener = {
    settle(group: number, outcome: string) {
      const jobs = byGroup.get(group) ?? [];
      byGroup.delete(group);
      // After an unknown outcome the disk decides. For a job that is gone there, no record is written: it stays pending.
      if (outcome === 'stored' && jobs.length > 0) telling = telling.then(() => tell?.(jobs));
    },
  };

  return {
    isHeard: tell !== undefined,
    add(text, { errtype, message }) {
      if (!tell) return;
      const { jid } = JSON.parse(text) as { jid?: unknown };
      if (typeof jid !== 'string') return;
      ledger.touch(0);
      const group = ledger.join(listener);
      const jobs = byGroup.get(group) ?? [];
      jobs.push({ jid, errtype, message: message.slice(0, messageCharsMax) });
      byGroup.set(group, jobs);
    },
    told: () => telling,
  };
}
