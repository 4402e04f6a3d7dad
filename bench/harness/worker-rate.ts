// How fast a worker process empties a full queue, by the broker's count of acknowledged jobs.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaktoryCounter } from './counts.ts';
import type { RunningProcess } from './processes.ts';
import { fillQueue } from './queue-filling.ts';

export interface WorkerTrial {
  counter: FaktoryCounter;
  /** Of the broker itself, not of a delaying path. */
  brokerPort: number;
  start: () => Promise<RunningProcess>;
  /** More than can be done in ramp and window. */
  jobs: number;
  /** Acknowledged before the window opens: all slots are at work by then. */
  rampJobs: number;
  windowMs: number;
}

export interface WorkerRate {
  jobsPerS: number;
  /** NaN for so few jobs that the ticks of 10 ms in which it is counted would make most of it. */
  cpuUsPerJob: number;
}

const rampTimeoutMs = 20_000;
const cpuJobsMin = 400;

export async function measureWorker(trial: WorkerTrial): Promise<WorkerRate> {
  const { counter, brokerPort, start, jobs, rampJobs, windowMs } = trial;
  await counter.clear();
  await fillQueue(brokerPort, jobs);
  const before = await counter.processed();
  const worker = await start();
  try {
    const deadline = Date.now() + rampTimeoutMs;
    while ((await counter.processed()) - before < rampJobs) {
      if (Date.now() > deadline) throw new Error(`the worker did not finish ${rampJobs} jobs in ${rampTimeoutMs} ms`);
      await sleep(20);
    }
    const from = { ms: performance.now(), jobs: await counter.processed(), cpuMs: worker.cpuMs() };
    await sleep(windowMs);
    const done = (await counter.processed()) - from.jobs;
    const elapsedMs = performance.now() - from.ms;
    const cpuMs = worker.cpuMs() - from.cpuMs;
    if ((await counter.queued()) === 0) throw new Error(`${jobs} jobs were too few: the queue ran empty`);
    return { jobsPerS: (done / elapsedMs) * 1000, cpuUsPerJob: done < cpuJobsMin ? Number.NaN : (cpuMs * 1000) / done };
  } finally {
    await worker.stop(10_000);
    await counter.clear();
  }
}
