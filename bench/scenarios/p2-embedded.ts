// P2: the embedded broker, which syncs to disk before every 202, beside BullMQ on a Redis that never does.
import { compareRates } from '../harness/comparison.ts';
import { batches, batchSchedule, singles, takeTurnsAfresh } from '../harness/contestants.ts';
import { useBullmqCounter, useFaktoryCounter } from '../harness/counts.ts';
import type { Scope } from '../harness/scope.ts';
import { problemsOf, rateBars, turnsTable } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startIdleAllInOne } from '../servers/idle-all-in-one.ts';
import { startBareFastify, startBullmq } from '../servers/peers.ts';
import { rivalBatches, startRivals } from '../servers/rivals.ts';
import { startRedis } from '../servers/redis.ts';
import { startApi, startEmbeddedBroker } from '../servers/service.ts';
import * as names from './names.ts';

export const p2: Scenario = {
  id: 'P2',
  title: 'The embedded broker, synced to disk before every 202',
  needs: ['Redis'],
  async run({ scope, schedule }) {
    const redis = await startRedis(scope);
    const bullmqCounter = await useBullmqCounter(scope, redis.port);
    const one = { callers: 64, durationMs: schedule.turnMs };
    const many = { callers: 8, durationMs: schedule.turnMs };

    async function startAll(round: Scope) {
      const broker = await startEmbeddedBroker(round);
      return {
        bullmq: await startBullmq(round, redis.port),
        api: await startApi(round, broker.port),
        apiCounter: await useFaktoryCounter(round, broker.port),
        allInOne: await startIdleAllInOne(round),
      };
    }

    const ofSingles = await takeTurnsAfresh(async (round) => {
      const { bullmq, api, apiCounter, allInOne } = await startAll(round);
      return [
        singles(names.bare, await startBareFastify(round), one),
        singles(names.bullmq, bullmq, one, bullmqCounter),
        singles(names.onEmbedded, api, one, apiCounter),
        singles(names.allInOne, allInOne.service, one, allInOne.counter),
      ];
    }, schedule);
    const ofBatches = await takeTurnsAfresh(async (round) => {
      const { bullmq, api, apiCounter, allInOne } = await startAll(round);
      return [
        batches(names.bullmq, bullmq, 100, many, bullmqCounter),
        batches(names.onEmbedded, api, 100, many, apiCounter),
        batches(names.allInOne, allInOne.service, 100, many, allInOne.counter),
        ...(await startRivals(round)).map((rival) => rivalBatches(rival, 100, many)),
      ];
    }, batchSchedule(schedule));
    const batchCheck = compareRates(ofBatches, names.onEmbedded, names.bullmq, { atLeast: 1.5 });
    return {
      checks: [
        compareRates(ofSingles, names.onEmbedded, names.bullmq, { atLeast: 1.1 }),
        compareRates(ofSingles, names.onEmbedded, names.bare, { atLeast: 0.6 }),
        { ...batchCheck, what: `batches of 100, ${batchCheck.what}` },
      ],
      tables: [turnsTable('Single jobs, 64 callers', ofSingles), turnsTable('Batches of 100, 8 callers', ofBatches)],
      charts: [
        rateBars('singles-embedded', 'Single jobs stored per second, 64 callers, embedded broker', ofSingles),
        rateBars('batches-embedded', 'Jobs stored per second in batches of 100, 8 callers, embedded broker', ofBatches),
      ],
      notes: [
        'API and broker are a process each; beside them the all-in-one, whose CPU holds the broker and which remembers every id for GET /jobs/{id}. Its worker has no work.',
        ...problemsOf(ofSingles),
        ...problemsOf(ofBatches),
      ],
    };
  },
};
