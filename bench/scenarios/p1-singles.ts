// P1: single jobs on real Faktory, 64 callers, beside the documented way and bare Fastify.
import { compareCpu, compareRates } from '../harness/comparison.ts';
import { singles, takeTurnsAfresh } from '../harness/contestants.ts';
import { useFaktoryCounter } from '../harness/counts.ts';
import { problemsOf, rateBars, turnsTable } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startBareFastify, startDocumented } from '../servers/peers.ts';
import { noRustService, startRustService } from '../servers/rust-service.ts';
import { startApi } from '../servers/service.ts';
import * as names from './names.ts';

export const p1: Scenario = {
  id: 'P1',
  title: 'Single jobs, real Faktory, 64 callers',
  needs: ['Faktory'],
  async run({ scope, schedule }) {
    const { port } = await startFaktory(scope);
    const counter = await useFaktoryCounter(scope, port);
    const rust = await startRustService(scope, port);
    const limits = { callers: 64, durationMs: schedule.turnMs };
    const turns = await takeTurnsAfresh(
      async (round) => [
        singles(names.bare, await startBareFastify(round), limits),
        singles(names.documented, await startDocumented(round, port), limits, counter),
        singles(names.onFaktory, await startApi(round, port), limits, counter),
        ...(rust ? [singles(names.rust, rust, limits, counter)] : []),
      ],
      schedule,
    );
    return {
      checks: [
        compareRates(turns, names.onFaktory, names.documented, { atLeast: 1.5 }),
        ...(rust ? [compareRates(turns, names.onFaktory, names.rust, { atLeast: 1 })] : []),
        compareCpu(turns, names.onFaktory, names.bare, { atMost: 1.7 }),
      ],
      tables: [turnsTable('Single jobs, 64 callers', turns)],
      charts: [rateBars('singles-faktory', 'Single jobs stored per second, 64 callers, real Faktory', turns)],
      notes: [...problemsOf(turns), ...(rust ? [] : [noRustService])],
    };
  },
};
