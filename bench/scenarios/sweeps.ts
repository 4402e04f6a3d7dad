// The curves behind the targets: singles and batches by callers, batches by size, singles and batches by distance.
import { batches, singles, type Contestant } from '../harness/contestants.ts';
import { createScope } from '../harness/scope.ts';
import { sweepFindings, sweepSchedule, takePoint, type Point } from '../harness/sweep.ts';
import type { Scenario } from '../scenario.ts';
import { startBrokers, startField, type Entrant } from './field.ts';

const delaysMs = [1, 20, 100, 300] as const;
const farCallers = 200;

interface NearSweep {
  id: string;
  title: string;
  xLabel: string;
  xs: readonly number[];
  label: (x: number) => string;
  enter: (entrant: Entrant, x: number, durationMs: number) => Contestant;
}

/** Everybody side by side, brokers nearby, the same processes at each point. */
function nearSweep({ id, title, xLabel, xs, label, enter }: NearSweep): Scenario {
  return {
    id,
    title,
    needs: ['Faktory', 'Redis'],
    isLong: true,
    async run({ scope, schedule }) {
      const { turnMs } = sweepSchedule(schedule);
      const field = await startField(scope, await startBrokers(scope), 0);
      const points: Point[] = [];
      for (const x of xs) {
        const contestants = field.map((entrant) => enter(entrant, x, turnMs));
        points.push(await takePoint(x, contestants, schedule));
      }
      return sweepFindings(points, { name: id, title, xLabel }, label);
    },
  };
}

export const callers = nearSweep({
  id: 'callers',
  title: 'Single jobs by number of callers',
  xLabel: 'callers',
  xs: [1, 8, 16, 64, 256],
  label: (count) => `${count} callers`,
  enter: ({ name, server, counter }, count, durationMs) =>
    singles(name, server, { callers: count, durationMs }, counter),
});

export const batchCallers = nearSweep({
  id: 'batch-callers',
  title: 'Batches of 100 by number of callers',
  xLabel: 'callers',
  xs: [1, 2, 4, 8, 16],
  label: (count) => `${count} callers`,
  enter: ({ name, server, counter }, count, durationMs) =>
    batches(name, server, 100, { callers: count, durationMs }, counter),
});

export const sizes = nearSweep({
  id: 'sizes',
  title: 'Batches by size, 8 callers',
  xLabel: 'jobs in a batch',
  xs: [1, 10, 100, 1000],
  label: (size) => `${size} jobs`,
  enter: ({ name, server, counter }, size, durationMs) =>
    batches(name, server, size, { callers: 8, durationMs }, counter),
});

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
