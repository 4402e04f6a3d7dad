// P8: from the post to the result, all in one process: the time of one job, and many jobs posted, run and read.
import { setTimeout as sleep } from 'node:timers/promises';
import { batchBody, singleBody } from '../harness/contestants.ts';
import { useFaktoryCounter, type FaktoryCounter } from '../harness/counts.ts';
import { createHttpClient, type HttpClient } from '../harness/http-client.ts';
import { percentile } from '../harness/stats.ts';
import { figures } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startAllInOne } from '../servers/service.ts';

const samples = 200;
const clientCount = 8;
const processTimeoutMs = 60_000;

export const p8: Scenario = {
  id: 'P8',
  title: 'End to end, all in one process: post, run, result',
  needs: [],
  async run({ scope, schedule, isQuick }) {
    const jobs = isQuick ? 20_000 : 50_000;
    const { port, brokerPort } = await startAllInOne(scope);
    const counter = await useFaktoryCounter(scope, brokerPort);
    const clients = Array.from({ length: clientCount }, () =>
      scope.use(createHttpClient(port), (client) => client.close()),
    );
    await timeSingles(clients[0] as HttpClient);
    const p50sMs: number[] = [];
    const p99sMs: number[] = [];
    const jobsPerS: number[] = [];
    const missing: number[] = [];
    for (let round = 0; round < schedule.rounds; round++) {
      const times = await timeSingles(clients[0] as HttpClient);
      p50sMs.push(percentile(times, 50));
      p99sMs.push(percentile(times, 99));
      const { ids, elapsedMs } = await postAndRun(clients, counter, jobs);
      jobsPerS.push((jobs / elapsedMs) * 1000);
      missing.push(jobs - (await countResults(clients, ids)));
    }
    return {
      checks: [
        { what: 'post, run, result by ?wait: p50', measured: p50sMs, target: { atMost: 5 }, unit: ' ms' },
        { what: `${jobs} jobs posted in batches and run, jobs/s`, measured: jobsPerS, target: { atLeast: 15_000 } },
        { what: 'results that cannot be read then', measured: missing, target: { atMost: 0 } },
      ],
      tables: [
        {
          title: `One caller, ${samples} jobs one after another; then ${jobs} jobs in batches of 100 by ${clientCount} callers`,
          columns: ['', 'p50 ms', 'p99 ms', 'jobs/s'],
          rows: [['post to result', figures(p50sMs), figures(p99sMs), figures(jobsPerS)]],
        },
      ],
      notes: [
        'The clock of the many stops when the broker has counted every job as acknowledged, which the worker does after its result is stored. Then every result is read and compared.',
      ],
    };
  },
};

async function timeSingles(client: HttpClient): Promise<number[]> {
  const times: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const startedMs = performance.now();
    const { body } = await client.post('/jobs/add', singleBody);
    const { job_id: id } = JSON.parse(body) as { job_id: string };
    const state = await client.get(`/jobs/${id}?wait=10`);
    times.push(performance.now() - startedMs);
    if (!isThree(state.body)) throw new Error(`no result: ${state.body}`);
  }
  return times;
}

async function postAndRun(clients: readonly HttpClient[], counter: FaktoryCounter, jobs: number) {
  const body = batchBody(100);
  const ids: string[] = [];
  const before = await counter.processed();
  const startedMs = performance.now();
  let left = jobs / 100;
  await inTurn(clients, async (client) => {
    if (left-- <= 0) return false;
    const response = await client.post('/jobs/batch', body);
    if (response.status !== 202) throw new Error(`a batch was not accepted: ${response.body}`);
    ids.push(...(JSON.parse(response.body) as { job_ids: string[] }).job_ids);
    return true;
  });
  while ((await counter.processed()) - before < jobs) {
    if (performance.now() - startedMs > processTimeoutMs) throw new Error('the jobs were not run in time');
    await sleep(5);
  }
  return { ids, elapsedMs: performance.now() - startedMs };
}

async function countResults(clients: readonly HttpClient[], ids: readonly string[]): Promise<number> {
  let next = 0;
  let found = 0;
  await inTurn(clients, async (client) => {
    const id = ids[next++];
    if (id === undefined) return false;
    if (isThree((await client.get(`/jobs/${id}`)).body)) found++;
    return true;
  });
  return found;
}

/** Each client works until there is nothing left. */
async function inTurn(clients: readonly HttpClient[], work: (client: HttpClient) => Promise<boolean>): Promise<void> {
  await Promise.all(
    clients.map(async (client) => {
      while (await work(client));
    }),
  );
}

function isThree(body: string): boolean {
  const { state, result } = JSON.parse(body) as { state?: string; result?: number };
  return state === 'succeeded' && result === 3;
}
