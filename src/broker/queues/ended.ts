// Jobs that will not run any more although no worker has ended them: discarded, killed, or dead. The store of
// results is told once their end is on disk.
import type { Ledger } from '../storage/ledger.ts';

export interface EndReason {
  errtype: string;
  message: string;
}

export interface EndedJob extends EndReason {
  jid: string;
}

export interface EndedJobs {
  /** False: nothing is noted, because nobody is told. */
  readonly isHeard: boolean;
  /** @param text the job's JSON */
  add(text: string, reason: EndReason): void;
  /** Resolves when the results know of all ends that are on disk by now. */
  told(): Promise<void>;
}

interface EndedJobsOptions {
  ledger: Ledger;
  /** Never rejects. */
  tell: ((jobs: readonly EndedJob[]) => Promise<void>) | undefined;
}

/** A message is kept as a result's error: as much as FAIL keeps. */
const messageCharsMax = 1000;

export function createEndedJobs({ ledger, tell }: EndedJobsOptions): EndedJobs {
  const byGroup = new Map<number, EndedJob[]>();
  let telling: Promise<void> = Promise.resolve();

  const listener = {
    settle(group: number, outcome: string) {
      const jobs = byGroup.get(group) ?? [];
      byGroup.delete(group);
      // After an unknown outcome the disk decides. A job that is gone there is not told of: its record stays pending.
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
