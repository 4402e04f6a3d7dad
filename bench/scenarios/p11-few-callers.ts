// P11 and P12: single jobs of 1, 8 and 64 callers. The all-in-one syncs before every 202. Beside it run bare Fastify, a sync
// of the disk, and zizq and bunqueue where variables name their programs.
import { compareRates, type Turns } from '../harness/comparison.ts';
import { singles, takeTurnsAfresh } from '../harness/contestants.ts';
import { ratios } from '../harness/stats.ts';
import { syncMs } from '../harness/sync-time.ts';
import { figure, problemsOf, turnsTable } from '../report/tables.ts';
import type { Check, Findings, Scenario } from '../scenario.ts';
import { startBareFastify } from '../servers/peers.ts';
import { rivalSingles, startRivals, zizq } from '../servers/rivals.ts';
import { startIdleAllInOne } from '../servers/idle-all-in-one.ts';
import * as names from './names.ts';

const counts = [1, 8, 64] as const;

export const p11: Scenario = {
  id: 'P11',
  title: 'Single jobs of few callers, all in one process, synced before every 202 (P11, P12)',
  needs: [],
  async run({ schedule }) {
    const findings: Findings & { notes: string[] } = { checks: [], tables: [], notes: [] };
    for (const callers of counts) {
      const limits = { callers, durationMs: schedule.turnMs };
      const syncsMs: number[] = [];
      const turns = await takeTurnsAfresh(async (round) => {
        const { service, counter } = await startIdleAllInOne(round);
        syncsMs.push(await syncMs());
        return [
          singles(names.bare, await startBareFastify(round), limits),
          singles(names.allInOne, service, limits, counter),
          ...(await startRivals(round)).map((rival) => rivalSingles(rival, limits)),
        ];
      }, schedule);
      const title = `Single jobs, callers: ${callers}`;
      if (callers === 1) findings.checks.push(checkDelay(turns, syncsMs));
      if (turns.has(zizq)) findings.checks.push(...compareWithZizq(turns, callers));
      else if (callers === 1) findings.notes.push('zizq is not at hand (ZIZQ_BIN): not compared.');
      findings.tables.push(turnsTable(title, turns));
      findings.notes.push(`${title}: a sync took ${syncsMs.map(figure).join(', ')} ms`, ...problemsOf(turns));
    }
    return findings;
  },
};

function compareWithZizq(turns: Turns, callers: number): Check[] {
  const rates = compareRates(turns, names.allInOne, zizq, { atLeast: callers === 1 ? 0.85 : 1.3 });
  const p99s = (name: string): number[] => (turns.get(name) ?? []).map(({ p99Ms }) => p99Ms);
  const delay: Check = {
    what: `p99: ${names.allInOne} against ${zizq}`,
    measured: ratios(p99s(names.allInOne), p99s(zizq)),
    target: { atMost: 1 },
  };
  const checks = callers === 1 ? [rates] : [rates, delay];
  return checks.map((check) => ({ ...check, what: `callers: ${callers}, ${check.what}` }));
}

/** The response waits for a sync; the rest of storing a job may take as long as that sync. */
function checkDelay(turns: Turns, syncsMs: readonly number[]): Check {
  const p50s = (name: string): number[] => (turns.get(name) ?? []).map(({ p50Ms }) => p50Ms);
  const bare = p50s(names.bare);
  // Fewer starts than rounds in a quick run.
  const syncOf = (round: number): number => syncsMs[Math.min(round, syncsMs.length - 1)] as number;
  return {
    what: 'one caller: p50 against bare Fastify and two syncs',
    measured: p50s(names.allInOne).map((p50, round) => p50 / ((bare[round] as number) + 2 * syncOf(round))),
    target: { atMost: 1 },
  };
}
