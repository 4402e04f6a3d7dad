// How large a frame should be and over how many connections frames should spread, on a Redis that does not sync and on one
// that syncs before every reply.
import { batches, batchSchedule, singles, takeTurns } from '../harness/contestants.ts';
import { useFaktoryCounter } from '../harness/counts.ts';
import { createScope, type Scope } from '../harness/scope.ts';
import { problemsOf, turnsTable } from '../report/tables.ts';
import type { Bench, Findings, Scenario, Table } from '../scenario.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startDocumented } from '../servers/peers.ts';
import { startApi, type HttpServer } from '../servers/service.ts';

const documentedConnections = [10, 40] as const;
/** Of this service; the first is its default. */
const ways = [
  { jobs: 100, connections: 10 },
  { jobs: 50, connections: 10 },
  { jobs: 50, connections: 20 },
  { jobs: 25, connections: 40 },
] as const;

async function startAll(scope: Scope, port: number, syncs: boolean): Promise<[string, HttpServer][]> {
  const servers: [string, HttpServer][] = [];
  for (const connections of documentedConnections) {
    const name = `faktory-worker as documented, ${connections} connections`;
    servers.push([name, await startDocumented(scope, port, connections)]);
  }
  const start = async (jobs: number, connections: number, rest: Record<string, string>) =>
    startApi(scope, port, {
      env: { BATCH_MAX_SIZE: String(jobs), FAKTORY_MAX_CONNECTIONS: String(connections), ...rest },
    });
  for (const { jobs, connections } of ways) {
    const name = `this service, frames of up to ${jobs} jobs, ${connections} connections`;
    servers.push([name, await start(jobs, connections, {})]);
  }
  if (syncs) {
    for (const connections of [10, 40]) {
      const name = `this service, FAKTORY_DURABILITY=fsync, ${connections} connections`;
      servers.push([name, await start(100, connections, { FAKTORY_DURABILITY: 'fsync' })]);
    }
  }
  return servers;
}

async function measure(scope: Scope, syncs: boolean, schedule: Bench['schedule']): Promise<[Table[], string[]]> {
  const { port } = await startFaktory(scope, syncs ? 'syncs' : 'stock');
  const counter = await useFaktoryCounter(scope, port);
  const servers = await startAll(scope, port, syncs);
  const { turnMs: durationMs } = schedule;
  const single = await takeTurns(
    servers.map(([name, server]) => singles(name, server, { callers: 64, durationMs }, counter)),
    schedule,
  );
  const batch = await takeTurns(
    servers.map(([name, server]) => batches(name, server, 100, { callers: 8, durationMs }, counter)),
    batchSchedule(schedule),
  );
  const where = syncs ? 'Redis with appendfsync always' : 'stock Redis';
  const tables = [
    turnsTable(`Single jobs, 64 callers, ${where}`, single),
    turnsTable(`Batches of 100, 8 callers, ${where}`, batch),
  ];
  return [tables, [...problemsOf(single), ...problemsOf(batch)].map((problem) => `${where}: ${problem}`)];
}

export const frames: Scenario = {
  id: 'frames',
  title: 'Jobs of a frame and connections, real Faktory',
  needs: ['Faktory', 'Redis'],
  isLong: true,
  async run({ schedule }): Promise<Findings> {
    const own = { ...schedule, turnMs: 1000, warmUpMs: schedule.warmUpMs / 2 };
    const found: [Table[], string[]][] = [];
    for (const syncs of [false, true]) {
      const scope = createScope();
      try {
        found.push(await measure(scope, syncs, own));
      } finally {
        await scope.close();
      }
    }
    return {
      checks: [],
      tables: found.flatMap(([tables]) => tables),
      notes: [
        'Turns of 1 s, the same processes throughout: differences below some 15 % mean nothing.',
        'A frame also ends at 14 KB of job JSON, about 110 jobs, so there is no line above 100.',
        ...found.flatMap(([, notes]) => notes),
      ],
    };
  },
};
