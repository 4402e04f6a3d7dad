// P6: the worker at a broker 100 ms away, by slots, and beside faktory-worker's own worker at a near one.
import { roundTripMs, useFaktoryCounter } from '../harness/counts.ts';
import { ratios } from '../harness/stats.ts';
import { measureWorker, type WorkerRate, type WorkerTrial } from '../harness/worker-rate.ts';
import { figures } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startDelay } from '../servers/delay.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startDocumentedWorker } from '../servers/peers.ts';
import { startWorker } from '../servers/service.ts';

const nearSlots = 50;
const farSlots = [50, 500] as const;
/** Of one process at a near broker, with a margin: fills the queue for ramp and window. */
const jobsPerSMax = 20_000;

export const p6: Scenario = {
  id: 'P6',
  title: 'The worker, real Faktory',
  needs: ['Faktory'],
  async run({ scope, schedule, isQuick }) {
    const { port: brokerPort } = await startFaktory(scope);
    const counter = await useFaktoryCounter(scope, brokerPort);
    const path = await startDelay(scope, brokerPort, 100);
    const windowMs = isQuick ? 1200 : 4000;
    const common = { counter, brokerPort, windowMs };
    const near: Omit<WorkerTrial, 'start'> = { ...common, jobs: jobsPerSMax * (windowMs / 1000 + 1), rampJobs: 3000 };
    const ours: WorkerRate[] = [];
    const stock: WorkerRate[] = [];
    const farStock: WorkerRate[] = [];
    const far = new Map(farSlots.map((slots): [number, WorkerRate[]] => [slots, []]));
    const shares = new Map(farSlots.map((slots): [number, number[]] => [slots, []]));
    for (let round = 0; round < schedule.rounds; round++) {
      const turns = [
        async () => ours.push(await measureWorker({ ...near, start: () => startWorker(scope, brokerPort, nearSlots) })),
        async () =>
          stock.push(
            await measureWorker({ ...near, start: () => startDocumentedWorker(scope, brokerPort, nearSlots) }),
          ),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
      if (!isQuick) {
        const start = () => startDocumentedWorker(scope, path, nearSlots);
        farStock.push(await measureWorker({ ...common, jobs: nearSlots * 10, rampJobs: 5, start }));
      }
      for (const slots of farSlots) {
        const rttMs = await roundTripMs(path, 7);
        const jobs = slots * 10 * (windowMs / 1000 + 5);
        const start = () => startWorker(scope, path, slots);
        const rate = await measureWorker({ ...common, jobs, rampJobs: slots * 3, start });
        far.get(slots)?.push(rate);
        shares.get(slots)?.push(rate.jobsPerS / ((slots * 1000) / rttMs));
      }
    }
    const rates = (list: readonly WorkerRate[]): number[] => list.map(({ jobsPerS }) => jobsPerS);
    const row = (name: string, list: readonly WorkerRate[]): string[] => [
      name,
      figures(rates(list)),
      figures(list.map(({ cpuUsPerJob }) => cpuUsPerJob)),
    ];
    return {
      checks: [
        ...farSlots.map((slots) => ({
          what: `jobs/s against slots / RTT at 100 ms, ${slots} slots`,
          measured: shares.get(slots) ?? [],
          target: { atLeast: 0.95 },
        })),
        {
          what: `jobs/s near, ${nearSlots} slots, against faktory-worker's own worker`,
          measured: ratios(rates(ours), rates(stock)),
          target: { atLeast: 1.3 },
        },
      ],
      tables: [
        {
          title: 'Jobs acknowledged, by the count of the broker',
          columns: ['', 'jobs/s', 'CPU per job, us'],
          rows: [
            row(`faktory-worker's own worker, near, concurrency ${nearSlots}`, stock),
            row(`this worker, near, ${nearSlots} slots`, ours),
            // Without a target, and slow.
            ...(isQuick ? [] : [row(`faktory-worker's own worker, 100 ms, concurrency ${nearSlots}`, farStock)]),
            ...farSlots.map((slots) => row(`this worker, 100 ms, ${slots} slots`, far.get(slots) ?? [])),
          ],
        },
      ],
      notes: [
        `Windows of ${windowMs / 1000} s. Results are not kept (RESULTS_URL is not set), and neither worker logs a line for each job.`,
        "faktory-worker's own worker waits for the reply to each FETCH before it sends the next: at a distance it runs one job per round trip, whatever its concurrency.",
      ],
    };
  },
};
