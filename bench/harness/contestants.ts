// Contestants take turns: A B C, C B A, A B C. In each turn one of them is loaded, the others idle, so what happens to the
// machine in a round happens to all of them, and ratios are taken within a round.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpServer } from '../servers/service.ts';
import type { Counter } from './counts.ts';
import { runLoad, type HttpLoad, type Load, type LoadLimits } from './load.ts';
import type { RunningProcess } from './processes.ts';
import { createScope, type Scope } from './scope.ts';

export interface Contestant {
  name: string;
  /** What to load. */
  load: Load;
  /** The process that answers the load; none for clients without one. */
  process?: RunningProcess;
  /** Where the jobs end up; none where nothing is stored. */
  counter?: Counter;
  jobsPerRequest: number;
}

export interface Turn {
  /** By the broker's own count; of responses where nothing is stored. */
  jobsPerS: number;
  /** CPU time of the API process, all threads, per request. */
  cpuUsPerRequest: number;
  p50Ms: number;
  p99Ms: number;
  /** Share of one processor that the load generator took; near 1 it is the generator that limits. */
  generatorShare: number;
  /** What must not be: responses other than 200, 201, 202, and a count that differs from theirs. */
  problem: string | undefined;
}

export interface Schedule {
  rounds: number;
  turnMs: number;
  /** After its start, for each contestant. */
  warmUpMs: number;
  /** Where contestants can be started again: new processes for each round. */
  startsAfresh: boolean;
}

/** For batches: in the same time there are far fewer requests to compile the code by, some ten seconds of them. */
export const batchSchedule = (schedule: Schedule): Schedule => ({ ...schedule, warmUpMs: 3 * schedule.warmUpMs });

export const singleBody = '{"a":1,"b":2}';
export const batchBody = (jobs: number, entry: object = { operation: 'add', a: 1, b: 2 }): string =>
  JSON.stringify({ jobs: Array.from({ length: jobs }, () => entry) });

export type SingleRequest = Pick<HttpLoad, 'path' | 'body' | 'hasKeys'>;

export function singles(
  name: string,
  server: HttpServer,
  limits: LoadLimits,
  counter?: Counter,
  request: SingleRequest = { path: '/jobs/add', body: singleBody },
): Contestant {
  const load: Load = { kind: 'http', port: server.port, ...request, ...limits };
  return { name, load, process: server.process, jobsPerRequest: 1, ...(counter && { counter }) };
}

export function batches(
  name: string,
  server: HttpServer,
  jobs: number,
  limits: LoadLimits,
  counter?: Counter,
  entry?: object,
): Contestant {
  const body = batchBody(jobs, entry);
  const load: Load = { kind: 'http', port: server.port, path: '/jobs/batch', body, ...limits };
  return { name, load, process: server.process, jobsPerRequest: jobs, ...(counter && { counter }) };
}

/** The turns of every contestant, by name, in the order of the rounds. */
export async function takeTurns(contestants: readonly Contestant[], schedule: Schedule): Promise<Map<string, Turn[]>> {
  const { rounds, turnMs, warmUpMs } = schedule;
  const turns = new Map(contestants.map(({ name }): [string, Turn[]] => [name, []]));
  for (const contestant of contestants) {
    await runLoad({ ...contestant.load, durationMs: warmUpMs });
  }
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? contestants : [...contestants].reverse();
    for (const contestant of order) turns.get(contestant.name)?.push(await takeTurn(contestant, turnMs));
  }
  return turns;
}

/**
 * The same with processes of its own for each round: how fast an engine's compiled code is differs from one process to the next by a
 * tenth and more, so three turns of one process are one sample.
 */
export async function takeTurnsAfresh(
  start: (scope: Scope) => Promise<readonly Contestant[]>,
  schedule: Schedule,
): Promise<Map<string, Turn[]>> {
  const starts = schedule.startsAfresh ? schedule.rounds : 1;
  const turns = new Map<string, Turn[]>();
  for (let index = 0; index < starts; index++) {
    const scope = createScope();
    try {
      const contestants = await start(scope);
      const inOrder = index % 2 === 0 ? contestants : contestants.toReversed();
      const taken = await takeTurns(inOrder, { ...schedule, rounds: schedule.rounds / starts });
      for (const { name } of contestants) turns.set(name, [...(turns.get(name) ?? []), ...(taken.get(name) ?? [])]);
    } finally {
      await scope.close();
    }
  }
  return turns;
}

/** What was left over of the contestant before has ended by then: deletions in the broker, garbage. */
const pauseMs = 150;

async function takeTurn(contestant: Contestant, turnMs: number): Promise<Turn> {
  const { load, counter, jobsPerRequest, process } = contestant;
  await runLoad({ ...load, durationMs: Math.min(300, turnMs / 4) });
  await counter?.clear();
  await sleep(pauseMs);
  const queuedBefore = (await counter?.queued()) ?? 0;
  const cpuBefore = process?.cpuMs() ?? 0;
  const result = await runLoad({ ...load, durationMs: turnMs });
  const cpuMs = (process?.cpuMs() ?? 0) - cpuBefore;
  const acknowledged = result.accepted * jobsPerRequest;
  const stored = counter ? (await counter.queued()) - queuedBefore : acknowledged;
  await counter?.clear();
  const problems = [
    result.failed > 0 && `${result.failed} of ${result.accepted + result.failed} requests were not accepted`,
    stored !== acknowledged && `${stored} jobs are in the broker, ${acknowledged} were accepted`,
  ].filter((problem) => problem !== false);
  return {
    jobsPerS: (stored / result.elapsedMs) * 1000,
    cpuUsPerRequest: process ? (cpuMs * 1000) / result.accepted : Number.NaN,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    generatorShare: result.generatorCpuMs / result.elapsedMs,
    problem: problems.length > 0 ? problems.join('; ') : undefined,
  };
}
