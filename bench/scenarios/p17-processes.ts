// P17: the service with two API processes is compared with the service with a single process, on real Faktory.
import { availableParallelism } from 'node:os';
import { singles, takeTurnsAfresh, type Turn } from '../harness/contestants.ts';
import { useFaktoryCounter } from '../harness/counts.ts';
import { ratios } from '../harness/stats.ts';
import { problemsOf, turnsTable } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startApi } from '../servers/service.ts';

const one = 'one API process';
const two = 'two API processes';

export const p17: Scenario = {
  id: 'P17',
  title: 'One and two API processes behind one port, single jobs, real Faktory, 64 callers',
  needs: ['Faktory'],
  async run({ scope, schedule }) {
    const { port } = await startFaktory(scope);
    const counter = await useFaktoryCounter(scope, port);
    const limits = { callers: 64, durationMs: schedule.turnMs };
    const turns = await takeTurnsAfresh(
      async (round) => [
        singles(one, await startApi(round, port), limits, counter),
        singles(two, await startApi(round, port, { env: { API_PROCESSES: '2' } }), limits, counter),
      ],
      schedule,
    );
    const processors = availableParallelism();
    const rates = (name: string): number[] => (turns.get(name) ?? []).map((turn) => ratePerProcessor(turn, processors));
    return {
      checks: [
        {
          what: "jobs/s stored, per processor that the load generator left: two processes against one's",
          measured: ratios(rates(two), rates(one)),
          target: { atLeast: 1.2 },
        },
      ],
      tables: [turnsTable('Single jobs, 64 callers', turns)],
      notes: [
        `The load generator, Faktory and Redis have the same ${processors} processors. The CPU column of two processes is that of their supervisor.`,
        ...problemsOf(turns),
      ],
    };
  },
};

const ratePerProcessor = ({ jobsPerS, generatorShare }: Turn, processors: number): number =>
  jobsPerS / (processors - generatorShare);
