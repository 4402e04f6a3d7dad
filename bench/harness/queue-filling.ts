// Jobs in a queue without any service: for what consumes them.
import { runLoad } from './load.ts';

const jobsPerFrame = 100;
const callers = 8;

/** Pushes `jobs`, up to the next hundred. */
export async function fillQueue(port: number, jobs: number): Promise<void> {
  const requestsMax = Math.ceil(jobs / jobsPerFrame);
  const limits = { callers: Math.min(callers, requestsMax), durationMs: 120_000, requestsMax };
  const { accepted } = await runLoad({ kind: 'pushb', port, jobsPerFrame, ...limits });
  if (accepted !== requestsMax) throw new Error(`only ${accepted} of ${requestsMax} frames were accepted`);
}
