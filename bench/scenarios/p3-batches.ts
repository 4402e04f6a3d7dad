// P3: batches of 100 on real Faktory, beside the documented way and a raw client, which is the broker's own ceiling.
import { compareCpu, compareRates } from '../harness/comparison.ts';
import { batches, batchSchedule, takeTurnsAfresh, type Contestant } from '../harness/contestants.ts';
import { useFaktoryCounter } from '../harness/counts.ts';
import { problemsOf, rateBars, turnsTable } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startDocumented } from '../servers/peers.ts';
import { noRustService, rustEntry, startRustService } from '../servers/rust-service.ts';
import { startApi } from '../servers/service.ts';
import * as names from './names.ts';

export const p3: Scenario = {
  id: 'P3',
  title: 'Batches of 100, real Faktory, 8 callers',
  needs: ['Faktory'],
  async run({ scope, schedule }) {
    const { port } = await startFaktory(scope);
    const counter = await useFaktoryCounter(scope, port);
    const rust = await startRustService(scope, port);
    const limits = { callers: 8, durationMs: schedule.turnMs };
    const raw: Contestant = {
      name: names.raw,
      load: { kind: 'pushb', port, jobsPerFrame: 100, ...limits },
      counter,
      jobsPerRequest: 100,
    };
    const turns = await takeTurnsAfresh(
      async (round) => [
        raw,
        batches(names.documented, await startDocumented(round, port), 100, limits, counter),
        batches(names.onFaktory, await startApi(round, port), 100, limits, counter),
        ...(rust ? [batches(names.rust, rust, 100, limits, counter, rustEntry)] : []),
      ],
      batchSchedule(schedule),
    );
    return {
      checks: [
        compareRates(turns, names.onFaktory, names.documented, { atLeast: 1 }),
        compareRates(turns, names.onFaktory, names.raw, { atLeast: 0.95 }),
        ...(rust ? [compareRates(turns, names.onFaktory, names.rust, { atLeast: 1.5 })] : []),
        compareCpu(turns, names.onFaktory, names.documented, { atMost: 0.5 }),
      ],
      tables: [turnsTable('Batches of 100, 8 callers', turns)],
      charts: [rateBars('batches-faktory', 'Jobs stored per second in batches of 100, 8 callers, real Faktory', turns)],
      notes: [
        'The raw client keeps as many frames in flight as there are callers, one on each of 8 connections: a batch of 100 is one frame, so the service cannot have more.',
        ...problemsOf(turns),
        ...(rust ? [] : [noRustService]),
      ],
    };
  },
};
