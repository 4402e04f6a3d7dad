// The curves behind the targets: singles by callers, batches by size, singles and batches by distance.
import { batches, singles } from '../harness/contestants.ts';
import { createScope } from '../harness/scope.ts';
import { sweepFindings, sweepSchedule, takePoint, type Point } from '../harness/sweep.ts';
import type { Scenario } from '../scenario.ts';
import { startBrokers, startField, type Entrant } from './field.ts';

const callerCounts = [1, 8, 16, 64, 256] as const;
const batchSizes = [1, 10, 100, 1000] as const;
const delaysMs = [1, 20, 100, 300] as const;
const farCallers = 200;

export const callers: Scenario = {
  id: 'callers',
  title: 'Single jobs by number of callers',
  needs: ['Faktory', 'Redis'],
  isLong: true,
  async run({ scope, schedule }) {
    const { turnMs: durationMs } = sweepSchedule(schedule);
    const field = await startField(scope, await startBrokers(scope), 0);
    const points: Point[] = [];
    for (const count of callerCounts) {
      const limits = { callers: count, durationMs };
      const contestants = field.map(({ name, server, counter }) => singles(name, server, limits, counter));
      points.push(await takePoint(count, contestants, schedule));
    }
    const chart = { name: 'callers', title: 'Single jobs by number of callers', xLabel: 'callers' };
    return sweepFindings(points, chart, (count) => `${count} callers`);
  },
};

export const sizes: Scenario = {
  id: 'sizes',
  title: 'Batches by size, 8 callers',
  needs: ['Faktory', 'Redis'],
  isLong: true,
  async run({ scope, schedule }) {
    const { turnMs: durationMs } = sweepSchedule(schedule);
    const field = await startField(scope, await startBrokers(scope), 0);
    const points: Point[] = [];
    for (const size of batchSizes) {
      const limits = { callers: 8, durationMs };
      const contestants = field.map(({ name, server, counter }) => batches(name, server, size, limits, counter));
      points.push(await takePoint(size, contestants, schedule));
    }
    const chart = { name: 'sizes', title: 'Batches by size, 8 callers', xLabel: 'jobs in a batch' };
    return sweepFindings(points, chart, (size) => `${size} jobs`);
  },
};

/** One field per distance, closed before the next. */
async function byDistance(run: (field: readonly Entrant[], delayMs: number) => Promise<Point>): Promise<Point[]> {
  const scope = createScope();
  try {
    const brokers = await startBrokers(scope);
    const points: Point[] = [];
    for (const delayMs of delaysMs) {
      const far = createScope();
      try {
        points.push(await run(await startField(far, brokers, delayMs), delayMs));
      } finally {
        await far.close();
      }
    }
    return points;
  } finally {
    await scope.close();
  }
}

export const distance: Scenario = {
  id: 'distance',
  title: `Single jobs by distance of the broker, ${farCallers} callers`,
  needs: ['Faktory', 'Redis'],
  isLong: true,
  async run({ schedule }) {
    const limits = { callers: farCallers, durationMs: sweepSchedule(schedule).turnMs };
    const points = await byDistance((field, delayMs) =>
      takePoint(
        delayMs,
        field.map(({ name, server, counter }) => singles(name, server, limits, counter)),
        schedule,
      ),
    );
    const title = `Single jobs by distance of the broker, ${farCallers} callers`;
    const chart = { name: 'distance', title, xLabel: 'round trip to the broker, ms', isLogY: true } as const;
    return sweepFindings(points, chart, (delayMs) => `${delayMs} ms`);
  },
};

export const distantBatches: Scenario = {
  id: 'distant-batches',
  title: 'Batches of 100 by distance of the broker, one caller',
  needs: ['Faktory', 'Redis'],
  isLong: true,
  async run({ schedule }) {
    const limits = { callers: 1, durationMs: sweepSchedule(schedule).turnMs };
    const points = await byDistance((field, delayMs) =>
      takePoint(
        delayMs,
        field.map(({ name, server, counter }) => batches(name, server, 100, limits, counter)),
        schedule,
      ),
    );
    const title = 'Batches of 100 by distance of the broker, one caller';
    const chart = { name: 'distant-batches', title, xLabel: 'round trip to the broker, ms', isLogY: true } as const;
    return sweepFindings(points, chart, (delayMs) => `${delayMs} ms`);
  },
};
