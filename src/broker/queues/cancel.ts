// Cancels jobs that wait in queues: their places are looked up on disk, page by page, and noted.
import { openChunk } from './chunk.ts';
import type { AmendedQueue } from './amended-queue.ts';
import type { Engine } from '../engine.ts';
import type { FaktoryJob } from './job.ts';
import { placeOf } from '../storage/records.ts';

interface CancelOptions {
  engine: Engine;
  matches: (text: string) => boolean;
  /** How many jids the caller gave. */
  given: number;
  cancelledJobsMax: number;
}

/** Resolves to the jids of the cancelled jobs. Only jobs that are on disk are found. */
export async function cancelQueued({ engine, matches, given, cancelledJobsMax }: CancelOptions): Promise<string[]> {
  const state = engine.state();
  const jids: string[] = [];

  function checkRoom(jobs: number): void {
    if (state.cancelled.record().count + jobs > cancelledJobsMax)
      throw new Error(`not stored: at most ${cancelledJobsMax} cancelled jobs may be in the queues`);
  }

  function cancel(queue: AmendedQueue, place: number, job: FaktoryJob): void {
    // A jid may have been pushed more than once.
    checkRoom(1);
    if (!queue.cancel(place)) return;
    jids.push(job.jid as string);
    if (state.locks.isUsed) state.locks.jobEnded(JSON.stringify(job));
  }

  async function cancelIn(queue: AmendedQueue): Promise<void> {
    jids.push(...queue.cancelReturned(matches));
    let { chunk: from } = queue.record();
    const { tail } = queue.record();
    while (from < tail) {
      const records = await queue.page(from, tail);
      if (engine.state() !== state) throw new Error('the store of the broker failed, the outcome is unknown');
      if (records.length === 0 || state.queues.get(queue.name) !== queue) return;
      for (const [key, value] of records) {
        const { first, jobs } = openChunk(placeOf(key), key, value);
        for (const [index, job] of jobs.entries())
          if (matches(JSON.stringify({ jid: job.jid }))) cancel(queue, first + index, job);
        from = first + jobs.length;
      }
    }
  }

  // Before the first change: whoever is refused must not have cancelled a part.
  checkRoom(given);
  for (const queue of [...state.queues.values()]) await cancelIn(queue);
  return jids;
}
