// P1: single jobs on real Faktory, 64 callers, beside the documented way and bare Fastify.
import { singles, takeTurns } from '../harness/contestants.ts';
import { countFaktory } from '../harness/counts.ts';
import { ratios } from '../harness/stats.ts';
import { cpu, problemsOf, rates, turnsTable } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startBareFastify, startDocumented } from '../servers/peers.ts';
import { startRustService } from '../servers/rust-service.ts';
import { startApi } from '../servers/service.ts';

export const p1: Scenario = {
  id: 'P1',
  title: 'Single jobs, real Faktory, 64 callers',
  needs: ['Faktory'],
  async run({ scope, schedule }) {
    const faktory = await startFaktory(scope);
    const counter = scope.use(await countFaktory(faktory.port), (opened) => opened.close());
    const limits = { callers: 64, durationMs: schedule.turnMs };
    const rust = await startRustService(scope, faktory.port);
    const turns = await takeTurns(
      [
        singles('bare Fastify, nothing stored', await startBareFastify(scope), limits),
        singles('Fastify + faktory-worker', await startDocumented(scope, faktory.port), limits, counter),
        singles('this service', await startApi(scope, faktory.port), limits, counter),
        ...(rust ? [singles('the Rust service', rust, limits, counter)] : []),
      ],
      schedule,
    );
    const ours = turns.get('this service');
    const documented = turns.get('Fastify + faktory-worker');
    const bare = turns.get('bare Fastify, nothing stored');
    return {
      checks: [
        {
          what: 'stored/s against Fastify + faktory-worker as documented',
          measured: ratios(rates(ours), rates(documented)),
          target: { atLeast: 1.5 },
        },
        {
          what: 'CPU per request against bare Fastify',
          measured: ratios(cpu(ours), cpu(bare)),
          target: { atMost: 1.7 },
        },
        ...(rust
          ? [
              {
                what: 'stored/s against the Rust service',
                measured: ratios(rates(ours), rates(turns.get('the Rust service'))),
                target: { atLeast: 1 },
              },
            ]
          : []),
      ],
      tables: [turnsTable('Singles, 64 callers', turns)],
      notes: [
        ...problemsOf(turns),
        ...(rust ? [] : ['The Rust service is not at hand (RUST_SERVICE_BIN): not compared.']),
      ],
    };
  },
};
