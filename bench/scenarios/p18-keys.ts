// P18: single jobs with an Idempotency-Key, each another, beside single jobs without.
import { compareCpu, compareRates } from '../harness/comparison.ts';
import { singleBody, singles, takeTurnsAfresh } from '../harness/contestants.ts';
import { problemsOf, turnsTable } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startIdleAllInOne } from '../servers/idle-all-in-one.ts';

const [plain, keyed] = ['without keys', 'each with a key of its own'];

export const p18: Scenario = {
  id: 'P18',
  title: 'Single jobs with keys, all in one process, synced before every 202',
  needs: [],
  async run({ schedule }) {
    const limits = { callers: 64, durationMs: schedule.turnMs };
    const turns = await takeTurnsAfresh(async (round) => {
      const { service, counter } = await startIdleAllInOne(round);
      return [
        singles(plain, service, limits, counter),
        singles(keyed, service, limits, counter, { path: '/jobs/add', body: singleBody, hasKeys: true }),
      ];
    }, schedule);
    return {
      checks: [compareCpu(turns, keyed, plain, { atMost: 1.6 }), compareRates(turns, keyed, plain, { atLeast: 0.6 })],
      tables: [turnsTable('Single jobs, 64 callers', turns)],
      notes: problemsOf(turns),
    };
  },
};
