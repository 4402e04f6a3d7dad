// P13: single jobs of 1 and 8 callers. The service and the documented way use the same Faktory on this machine.
import { compareRates } from '../harness/comparison.ts';
import { singles, takeTurnsAfresh } from '../harness/contestants.ts';
import { useFaktoryCounter } from '../harness/counts.ts';
import { problemsOf, turnsTable } from '../report/tables.ts';
import type { Findings, Scenario } from '../scenario.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startDocumented } from '../servers/peers.ts';
import { startApi } from '../servers/service.ts';
import * as names from './names.ts';

export const p13: Scenario = {
  id: 'P13',
  title: 'Single jobs of few callers, real Faktory nearby',
  needs: ['Faktory'],
  async run({ scope, schedule }) {
    const { port } = await startFaktory(scope);
    const counter = await useFaktoryCounter(scope, port);
    const findings: Findings & { notes: string[] } = { checks: [], tables: [], notes: [] };
    for (const callers of [1, 8]) {
      const limits = { callers, durationMs: schedule.turnMs };
      const turns = await takeTurnsAfresh(
        async (round) => [
          singles(names.documented, await startDocumented(round, port), limits, counter),
          singles(names.onFaktory, await startApi(round, port), limits, counter),
        ],
        schedule,
      );
      const check = compareRates(turns, names.onFaktory, names.documented, { atLeast: 1 });
      findings.checks.push({ ...check, what: `callers: ${callers}, ${check.what}` });
      findings.tables.push(turnsTable(`Single jobs, callers: ${callers}`, turns));
      findings.notes.push(...problemsOf(turns));
    }
    return findings;
  },
};
