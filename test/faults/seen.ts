// What is to be seen of jobs from outside the service: the copies that a Faktory holds, read from its Redis, and the runs
// that the store of results has heard of. Keys and forms: contribsys/faktory v1.9.4, storage/.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { JobRecord } from '../../src/domain/results.ts';
import type { FwpClient } from '../broker/fwp-client.ts';
import type { RealFaktory } from '../helpers/real-faktory.ts';
import type { SeenJob } from './conservation.ts';
import { explicitQueue, moreOf, type More } from './explicit.ts';
import type { Ends } from './load.ts';

interface FaktoryJob extends Omit<More, 'text'> {
  jid: string;
  jobtype: string;
  args: [{ a: number; b: number; request_id?: string | null; text?: string }];
}

const pageJobs = 10_000;

function toSeen({ jid, jobtype, args: [{ a, b, request_id: nonce, text }], ...options }: FaktoryJob): SeenJob {
  const more = text === undefined ? undefined : moreOf({ ...options, text });
  return { jobId: jid, operation: jobtype.replace(/^(math_|explicit\.)/, ''), a, b, more, nonce };
}

/** Every copy in a queue, reserved, to be retried, scheduled or dead. */
export async function storedIn(faktory: Pick<RealFaktory, 'dir'>): Promise<SeenJob[]> {
  const redis = new Redis(join(faktory.dir, 'redis.sock'));
  try {
    const seen: SeenJob[] = [];
    for (const queue of ['default', explicitQueue]) {
      for (let start = 0; ; start += pageJobs) {
        const page = await redis.lrange(queue, start, start + pageJobs - 1);
        for (const text of page) seen.push(toSeen(JSON.parse(text) as FaktoryJob));
        if (page.length < pageJobs) break;
      }
    }
    for (const set of ['scheduled', 'retries', 'dead'])
      for (const text of await redis.zrange(set, 0, '-1')) seen.push(toSeen(JSON.parse(text) as FaktoryJob));
    for (const text of await redis.zrange('working', 0, '-1'))
      seen.push(toSeen((JSON.parse(text) as { job: FaktoryJob }).job));
    return seen;
  } finally {
    redis.disconnect();
  }
}

const fetchesAtOnce = 5000;

/** What a broker that nothing else uses still has in its queue, by taking it. @param wid of the client, whose heart beats between the fetches */
export async function fetchedFrom(client: FwpClient, wid?: string): Promise<SeenJob[]> {
  const { faktory } = (await client.askJson('INFO')) as { faktory: { queues: Record<string, number> } };
  const seen: SeenJob[] = [];
  for (let left = faktory.queues['default'] ?? 0; left > 0; left -= fetchesAtOnce) {
    const fetches = Array.from({ length: Math.min(left, fetchesAtOnce) }, () => client.ask('FETCH default'));
    for (const reply of await Promise.all(fetches)) seen.push(toSeen(JSON.parse(String(reply)) as FaktoryJob));
    if (wid !== undefined) await client.ask(`BEAT ${JSON.stringify({ wid })}`);
  }
  return seen;
}

/** As often as each job has ended. */
export function runsOf(records: ReadonlyMap<string, JobRecord>, ends: Ends): SeenJob[] {
  return [...records.values()].flatMap(({ job_id: jobId, operation, a, b, request_id: nonce }) => {
    assert.ok(
      operation !== undefined && typeof a === 'number' && typeof b === 'number',
      `a record without its job: ${jobId}`,
    );
    return Array.from({ length: ends.runs.get(jobId) ?? 0 }, () => ({ jobId, operation, a, b, nonce }));
  });
}
