// Cancels jobs that wait in queues: their places are looked up on disk, page by page, and noted.
import { openChunk } from './chunk.ts';
import type { AmendedQueue } from './amended-queue.ts';
import type { Engine } from '../engine.ts';
import type { FaktoryJob } from './job.ts';
import { placeOf } from '../storage/records.ts';

interface CancelOptions {
  engine: Engine;
  matches: (text: string) => boolean;
  cancelledJobsMax: number;
}

/** The part of a job that is needed later: 100,000 whole jobs would fill the memory. */
interface Found {
  readonly queue: AmendedQueue;
  readonly place: number;
  readonly jid: string;
  readonly uniqueKey: unknown;
}

/** A turn of the event loop cancels so many jobs: more would hold up other clients. */
const turnJobsMax = 1000;

/**
 * Resolves to the jids of the cancelled jobs. Only jobs that are on disk are found. All are found before the first is cancelled, so
 * that a caller who is refused has cancelled none.
 */
export async function cancelQueued({ engine, matches, cancelledJobsMax }: CancelOptions): Promise<string[]> {
  const state = engine.state();
  const found: Found[] = [];

  function checkState(): void {
    if (engine.state() !== state) throw new Error('the store of the broker failed, the outcome is unknown');
  }

  function take(queue: AmendedQueue, place: number, { jid, custom }: FaktoryJob): void {
    found.push({ queue, place, jid: jid as string, uniqueKey: custom?.['unique_key'] });
    if (state.cancelled.record().count + found.length > cancelledJobsMax)
      throw new Error(`not stored: at most ${cancelledJobsMax} cancelled jobs may be in the queues`);
  }

  async function findIn(queue: AmendedQueue): Promise<void> {
    let { chunk: from } = queue.record();
    const { tail } = queue.record();
    while (from < tail) {
      const records = await queue.page(from, tail);
      checkState();
      if (records.length === 0 || state.queues.get(queue.name) !== queue) return;
      for (const [key, value] of records) {
        const { first, jobs } = openChunk(placeOf(key), key, value);
        for (const [index, job] of jobs.entries())
          if (matches(JSON.stringify({ jid: job.jid }))) take(queue, first + index, job);
        from = first + jobs.length;
      }
    }
  }

  for (const queue of [...state.queues.values()]) await findIn(queue);
  const jids = [...state.queues.values()].flatMap((queue) => queue.cancelReturned(matches));
  for (const [index, { queue, place, jid, uniqueKey }] of found.entries()) {
    if (index > 0 && index % turnJobsMax === 0) await new Promise((resolve) => setImmediate(resolve));
    checkState();
    // It was handed out meanwhile, or its queue was removed.
    if (state.queues.get(queue.name) !== queue || !queue.cancel(place)) continue;
    jids.push(jid);
    if (uniqueKey !== undefined) state.locks.jobEnded(JSON.stringify({ jid, custom: { unique_key: uniqueKey } }));
  }
  return jids;
}
