// Opens the store again after a failure. What is in memory may then differ from what is on disk, and only the disk counts.
import type { BrokerClock } from './clock.ts';
import { messageOf, type Ledger } from './storage/ledger.ts';

export interface Repair {
  /** The store has failed: begins, unless a repair is under way. */
  begin(error: unknown): void;
  /** Why the store takes nothing now, or undefined. Begins another try some time after one that failed. */
  problem(): string | undefined;
  /** Begins nothing more. Resolves when a repair under way has ended; it does not open the store any more. */
  stop(): Promise<void>;
}

interface RepairOptions {
  ledger: Ledger;
  clock: BrokerClock;
  /** Throws the state away. */
  dispose: () => void;
  /** Makes the state from what is on disk. */
  reopen: () => Promise<void>;
  /** The store takes changes again. */
  onMended: () => void;
  report: (message: string, cause?: unknown) => void;
}

/** Between two tries: an open reads the whole store. */
const pauseMs = 250;

export function createRepair({ ledger, clock, report, ...options }: RepairOptions): Repair {
  let underWay: Promise<void> | undefined;
  let endedMs = 0;
  let isStopped = false;

  async function run(): Promise<void> {
    try {
      options.dispose();
      if (isStopped) return;
      await options.reopen();
      ledger.mend();
      report('the store of the broker works again');
      options.onMended();
    } catch (error) {
      report('the store of the broker cannot be opened', error);
    } finally {
      endedMs = clock.nowMs();
      underWay = undefined;
    }
  }

  return {
    begin(error) {
      report('the store of the broker failed', error);
      underWay ??= ledger.breakDown(messageOf(error)).then(run);
    },
    problem() {
      const problem = ledger.failure();
      if (problem !== undefined && !isStopped && Math.abs(clock.nowMs() - endedMs) >= pauseMs) underWay ??= run();
      return problem;
    },
    async stop() {
      isStopped = true;
      await ledger.drain();
      await underWay;
    },
  };
}
