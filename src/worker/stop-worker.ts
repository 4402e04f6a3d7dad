// The stop of a worker: it waits for the jobs that run, requeues the jobs that do not end in time, tells the broker of all
// others, and closes.
import type { Handlers } from '../handlers/handlers.ts';
import { graceMs } from '../handlers/lane.ts';
import type { WorkerParts } from './worker-parts.ts';

/** The share of a stop's time in which jobs may still end. */
const waitShare = 0.75;
/** The time for the replies of the broker. With the roles' own 2 s it makes 5 s before the end of SHUTDOWN_TIMEOUT_MS. */
const lastMs = 3000;
const noop = (): void => undefined;

/** Ends a worker that fetches no more. Resolves within `timeoutMs`, even when the broker is gone. */
export async function stopWorker(parts: WorkerParts, timeoutMs: number): Promise<void> {
  const { source, handlers, runs, endings, turns, log } = parts;
  // The clock's timers do not keep the process alive. When the broker is gone, only this interval does.
  const alive = setInterval(noop, timeoutMs);
  source.finish();
  const waitMs = Math.max(timeoutMs * waitShare, timeoutMs - lastMs);
  if (handlers) await stopHandlers(parts, handlers, waitMs, (timeoutMs - waitMs) * 0.3);
  else await turns.idle(waitMs);
  runs.close();
  const unstored = endings.cutShort();
  const { fetching, reporting } = source;
  if (unstored + fetching + reporting > 0) {
    log.warn({ unstored, fetching, reporting }, 'stopping all the same');
    if (!endings.isIdle) await turns.idle((timeoutMs - waitMs) * 0.4);
  }
  endings.close();
  await source.close();
  clearInterval(alive);
}

/** Waits for the jobs of handler processes, then fires their signals, then requeues the jobs that still run. */
async function stopHandlers(
  { source, endings, runs, turns }: WorkerParts,
  handlers: Handlers,
  waitMs: number,
  reportMs: number,
): Promise<void> {
  const checked = source.checkTakesBack();
  const interruptMs = Math.max(0, waitMs - graceMs);
  await turns.idle(interruptMs);
  await checked;
  if (source.takesBack) endings.leaveToBroker();
  handlers.interrupt();
  await turns.idle(waitMs - interruptMs);
  runs.close();
  // The processes end first, so that a requeued job does not go on here.
  await handlers.close();
  handlers.requeue();
  await turns.idle(reportMs);
}
