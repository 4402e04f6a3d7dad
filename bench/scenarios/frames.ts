// How large a frame should be and over how many connections frames should spread, on a Redis that does not sync and on one
// that syncs before every reply.
import { batches, singles, type Contestant } from '../harness/contestants.ts';
import { takePoint } from '../harness/sweep.ts';
import { useFaktoryCounter } from '../harness/counts.ts';
import { createScope, type Scope } from '../harness/scope.ts';
import { problemsOf, turnsTable } from '../report/tables.ts';
import type { Bench, Findings, Scenario, Table } from '../scenario.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startDocumented } from '../servers/peers.ts';
import { startApi, type HttpServer } from '../servers/service.ts';
import * as names from './names.ts';

const byDefault = { BATCH_MAX_SIZE: '100', FAKTORY_MAX_CONNECTIONS: '10' };
const ways: readonly (readonly [name: string, env: Record<string, string>])[] = [
  ['frames of up to 100 jobs, 10 connections (default)', byDefault],
  ['frames of up to 50 jobs, 10 connections', { ...byDefault, BATCH_MAX_SIZE: '50' }],
  ['frames of up to 50 jobs, 20 connections', { BATCH_MAX_SIZE: '50', FAKTORY_MAX_CONNECTIONS: '20' }],
  ['frames of up to 25 jobs, 40 connections', { BATCH_MAX_SIZE: '25', FAKTORY_MAX_CONNECTIONS: '40' }],
];
const adapting: (typeof ways)[number] = [
  'as it adapts (FAKTORY_DURABILITY=fsync), 10 connections',
  { ...byDefault, FAKTORY_DURABILITY: 'fsync' },
];

async function measure(scope: Scope, redis: 'stock' | 'syncs', { schedule }: Bench): Promise<[Table[], string[]]> {
  const { port } = await startFaktory(scope, redis);
  const counter = await useFaktoryCounter(scope, port);
  const servers: [string, HttpServer][] = [[names.documented, await startDocumented(scope, port)]];
  for (const [name, env] of redis === 'syncs' ? [...ways, adapting] : ways)
    servers.push([name, await startApi(scope, port, { env })]);
  const of = (load: (name: string, server: HttpServer) => Contestant): Contestant[] =>
    servers.map(([name, server]) => load(name, server));
  const durationMs = schedule.turnMs;
  const ofSingles = of((name, server) => singles(name, server, { callers: 64, durationMs }, counter));
  const ofBatches = of((name, server) => batches(name, server, 100, { callers: 8, durationMs }, counter));
  const where = redis === 'syncs' ? 'Redis with appendfsync always' : 'stock Redis';
  const single = await takePoint(64, ofSingles, schedule);
  const batch = await takePoint(8, ofBatches, schedule);
  const tables = [
    turnsTable(`Single jobs, 64 callers, ${where}`, single.turns),
    turnsTable(`Batches of 100, 8 callers, ${where}`, batch.turns),
  ];
  return [tables, [...problemsOf(single.turns), ...problemsOf(batch.turns)].map((problem) => `${where}: ${problem}`)];
}

export const frames: Scenario = {
  id: 'frames',
  title: 'Jobs of a frame and connections, real Faktory',
  needs: ['Faktory', 'Redis'],
  isLong: true,
  async run(bench): Promise<Findings> {
    const found: [Table[], string[]][] = [];
    for (const redis of ['stock', 'syncs'] as const) {
      const scope = createScope();
      try {
        found.push(await measure(scope, redis, bench));
      } finally {
        await scope.close();
      }
    }
    return {
      checks: [],
      tables: found.flatMap(([tables]) => tables),
      notes: [
        'A frame also ends at 14 KB of job JSON, about 110 jobs. Warm-up is short here: compare lines, not figures of CPU with P1 and P3.',
        ...found.flatMap(([, notes]) => notes),
      ],
    };
  },
};
