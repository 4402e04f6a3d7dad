// P15: a single stream is compared with batches of 100 from 8 callers, on the embedded broker and on real Faktory.
import { compareRates } from '../harness/comparison.ts';
import { batches, batchSchedule, takeTurnsAfresh, type Contestant, type Schedule } from '../harness/contestants.ts';
import { useFaktoryCounter, type Counter } from '../harness/counts.ts';
import type { Scope } from '../harness/scope.ts';
import { problemsOf, turnsTable } from '../report/tables.ts';
import type { Findings, Scenario } from '../scenario.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startIdleAllInOne } from '../servers/idle-all-in-one.ts';
import { startApi, type HttpServer } from '../servers/service.ts';

const ofBatches = 'batches of 100, 8 callers';
const ofStream = 'one stream, a report for each line';
/** Lines of each stream. The caller begins the next stream when the last has ended. */
const lines = 20_000;

export const p15: Scenario = {
  id: 'P15',
  title: 'A stream beside batches',
  needs: ['Faktory'],
  async run({ scope, schedule }) {
    const { port } = await startFaktory(scope);
    const onFaktory = await useFaktoryCounter(scope, port);
    const findings: Findings & { notes: string[] } = { checks: [], tables: [], notes: [] };
    const places = {
      'all in one process': async (round: Scope) => {
        const { service, counter } = await startIdleAllInOne(round);
        return contestants(service, counter, schedule);
      },
      'real Faktory': async (round: Scope) => contestants(await startApi(round, port), onFaktory, schedule),
    };
    for (const [place, start] of Object.entries(places)) {
      const turns = await takeTurnsAfresh(start, batchSchedule(schedule));
      const check = compareRates(turns, ofStream, ofBatches, { atLeast: 0.9 });
      findings.checks.push({ ...check, what: `${place}, ${check.what}` });
      findings.tables.push(turnsTable(`Lines and batches, ${place}`, turns));
      findings.notes.push(...problemsOf(turns));
    }
    return findings;
  },
};

function contestants(service: HttpServer, counter: Counter, { turnMs: durationMs }: Schedule): Contestant[] {
  return [
    batches(ofBatches, service, 100, { callers: 8, durationMs }, counter),
    {
      name: ofStream,
      load: { kind: 'stream', port: service.port, lines, callers: 1, durationMs },
      process: service.process,
      counter,
      jobsPerRequest: lines,
    },
  ];
}
