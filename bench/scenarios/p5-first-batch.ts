// P5: one batch at a broker 100 ms away, the first request after a start included.
import { batchBody } from '../harness/contestants.ts';
import { roundTripMs } from '../harness/counts.ts';
import { runLoad, type LoadResult } from '../harness/load.ts';
import { createScope } from '../harness/scope.ts';
import { figures } from '../report/tables.ts';
import type { Check, Scenario } from '../scenario.ts';
import { startDelay } from '../servers/delay.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startPacketDelay, type Address } from '../servers/packets.ts';
import { startApi } from '../servers/service.ts';

const sizes = [100, 1000] as const;

interface Turns {
  rounds: number;
  laterBatches: number;
}

export const p5: Scenario = {
  id: 'P5',
  title: 'One batch, real Faktory at 100 ms, first request after start included',
  needs: ['Faktory'],
  async run({ scope, schedule, isQuick }) {
    const turns = { rounds: schedule.rounds, laterBatches: isQuick ? 3 : 5 };
    const faktory = await startFaktory(scope);
    const path = await startDelay(scope, faktory.port, 100);
    const ofBytes = await measure('delayed bytes', path, turns);
    const packets = await startPacketDelay(scope, faktory.port, 100);
    const ofPackets = packets && (await measure('delayed packets', packets, turns));
    return {
      checks: [...ofBytes.checks, ...(ofPackets?.checks ?? [])],
      tables: [ofBytes.table, ...(ofPackets ? [ofPackets.table] : [])],
      notes: [
        `Each round is a start of its own; the first request is sent as soon as /ready says 200, the later figure is the median of the ${turns.laterBatches} after it.`,
        ofPackets
          ? 'The path of packets has segments of 1,460 bytes, a handshake and slow start (cubic, as Linux has it by default).'
          : 'SKIPPED: a path that delays packets, where TCP slow start shows, wants Linux, root and Python 3.',
      ],
    };
  },
};

async function measure(what: string, path: number | Address, { rounds, laterBatches }: Turns) {
  const rttMs = await roundTripMs(path);
  const first = new Map(sizes.map((size): [number, number[]] => [size, []]));
  const later = new Map(sizes.map((size): [number, number[]] => [size, []]));
  for (let round = 0; round < rounds; round++) {
    for (const size of sizes) {
      const started = createScope();
      try {
        const { port } = await startApi(started, path);
        first.get(size)?.push((await send(port, size, 1)).p50Ms / rttMs);
        later.get(size)?.push((await send(port, size, laterBatches)).p50Ms / rttMs);
      } finally {
        await started.close();
      }
    }
  }
  const check = (of: Map<number, number[]>, size: number, when: string, atMost: number): Check => ({
    what: `${what}, ${size} jobs, ${when}`,
    measured: of.get(size) ?? [],
    target: { atMost },
    unit: ' RTT',
  });
  return {
    checks: [
      check(first, 100, 'first request after start', 1.1),
      check(later, 100, 'later requests', 1.1),
      check(first, 1000, 'first request after start', 1.4),
      check(later, 1000, 'later requests', 1.4),
    ],
    table: {
      title: `Time to the 202, ${what}, in RTT of ${rttMs.toFixed(1)} ms`,
      columns: ['', 'first after start', 'later'],
      rows: sizes.map((size) => [`${size} jobs`, figures(first.get(size) ?? []), figures(later.get(size) ?? [])]),
    },
  };
}

async function send(port: number, size: number, requestsMax: number): Promise<LoadResult> {
  const limits = { callers: 1, durationMs: 10_000, requestsMax };
  const result = await runLoad({ kind: 'http', port, path: '/jobs/batch', body: batchBody(size), ...limits });
  if (result.accepted !== requestsMax) throw new Error(`${result.failed} batches were not accepted`);
  return result;
}
