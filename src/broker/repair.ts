// Opens the store again after a failure. Then memory may differ from the disk, and only the disk counts.
import type { BrokerClock } from './clock.ts';
import { messageOf, type Ledger } from './storage/ledger.ts';

export interface Repair {
  /** Called when the store has failed: begins a repair, unless one is under way. */
  begin(error: unknown): void;
  /** Why the store takes nothing now, or undefined. Some time after a failed repair the call begins another. */
  problem(): string | undefined;
  /** No repair begins after this call. Resolves when a running repair has ended, which does not open the store any more. */
  stop(): Promise<void>;
}

interface RepairOptions {
  ledger: Ledger;
  clock: BrokerClock;
  /** Throws the state away. */
  dispose: () => void;
  /** Opens the store and makes the state from it. */
  reopen: () => Promise<void>;
  /** Called when the store takes changes again. */
  onMended: () => void;
  report: (message: string, cause?: unknown) => void;
}

/** The pause between two repairs: an open reads the whole store. */
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
