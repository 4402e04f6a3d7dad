// P4: many callers of single jobs at a broker 100 ms away: the most that callers / RTT allows.
import { singles, takeTurns, type Turn } from '../harness/contestants.ts';
import { roundTripMs, useFaktoryCounter } from '../harness/counts.ts';
import { figures, problemsOf, turnsTable } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startDelay } from '../servers/delay.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startApi } from '../servers/service.ts';
import * as names from './names.ts';

const callers = 200;

export const p4: Scenario = {
  id: 'P4',
  title: `Single jobs, ${callers} callers, real Faktory at 100 ms`,
  needs: ['Faktory'],
  async run({ scope, schedule }) {
    const faktory = await startFaktory(scope);
    const counter = await useFaktoryCounter(scope, faktory.port);
    const path = await startDelay(scope, faktory.port, 100);
    const api = await startApi(scope, path);
    const contestant = singles(names.onFaktory, api, { callers, durationMs: schedule.turnMs }, counter);
    const turns: Turn[] = [];
    const rttsMs: number[] = [];
    for (let round = 0; round < schedule.rounds; round++) {
      rttsMs.push(await roundTripMs(path));
      const taken = await takeTurns([contestant], { ...schedule, rounds: 1 });
      turns.push(...(taken.get(contestant.name) ?? []));
    }
    const perRound = (measure: (turn: Turn, rttMs: number) => number): number[] =>
      turns.map((turn, round) => measure(turn, rttsMs[round] ?? Number.NaN));
    const all = new Map([[contestant.name, turns]]);
    return {
      checks: [
        {
          what: 'jobs/s stored against callers / RTT',
          measured: perRound(({ jobsPerS }, rttMs) => jobsPerS / ((callers * 1000) / rttMs)),
          target: { atLeast: 0.94 },
        },
        {
          what: 'p50',
          measured: perRound(({ p50Ms }, rttMs) => p50Ms / rttMs),
          target: { atMost: 1.05 },
          unit: ' RTT',
        },
        { what: 'p99', measured: perRound(({ p99Ms }, rttMs) => p99Ms / rttMs), target: { atMost: 1.5 }, unit: ' RTT' },
      ],
      tables: [turnsTable(`Single jobs, ${callers} callers, 100 ms`, all)],
      notes: [`RTT, the median of empty PUSHBs over the same path: ${figures(rttsMs)} ms.`, ...problemsOf(all)],
    };
  },
};
