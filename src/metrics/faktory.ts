// Connections to the broker, and what was sent over them.
import type { Registry } from 'prom-client';
import type { FrameOutcome } from '../domain/producer.ts';
import { secondsBuckets } from './http.ts';
import { addMetric, type Value } from './read.ts';
import { createHistogram, createOneHistogram } from './tally.ts';

export type ConnectionRole = 'producer' | 'fetch' | 'report' | 'beat';
export type ConnectionState = 'connecting' | 'doubted' | 'idle' | 'busy';

/** Of the connections of one role. */
export interface ConnectionReading {
  readonly states: Readonly<Record<ConnectionState, number>>;
  /** Since the start. */
  readonly openedCount: number;
  readonly lostCount: number;
  /** Why the broker is away. */
  readonly downReason: Error | undefined;
}

export interface FaktoryMetrics {
  /** One PUSHB that was written, with its number of jobs and its time from write to reply or loss. */
  faktoryFrame(jobs: number, seconds: number, outcome: FrameOutcome): void;
  /** One command that is no PUSHB, from its write to its reply or loss. */
  faktoryCommand(verb: string, seconds: number, outcome: FrameOutcome): void;
  /** Sets the function that is called when the page is read, and never otherwise. The function set last counts. */
  readConnections(role: ConnectionRole, read: () => ConnectionReading): void;
}

/** The label of any other command is `other`. */
const verbs = new Set(['FETCH', 'ACK', 'FAIL', 'BEAT', 'INFO', 'MUTATE', 'QUEUE', 'HELLO']);

// Up to BATCH_MAX_SIZE's accepted maximum.
const frameJobsBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

export function createFaktoryMetrics(registry: Registry): FaktoryMetrics {
  const frames = createOneHistogram({
    registry,
    name: 'work_factory_faktory_frame_jobs',
    help: 'Jobs of each PUSHB written; its count is the number of frames.',
    buckets: frameJobsBuckets,
  });
  const commands = createHistogram({
    registry,
    name: 'work_factory_faktory_command_duration_seconds',
    help: "From a command's write to its reply, or to the end of the wait. FETCHes of an empty queue wait 2 s each, those of a connection one after another.",
    labelNames: ['command', 'outcome'],
    buckets: secondsBuckets,
  });
  const prepared = new Map<string, (outcome: FrameOutcome) => (seconds: number) => void>();
  const readers = new Map<ConnectionRole, () => ConnectionReading>();

  /** The series of a command, each from its first end on. */
  function commandsOf(command: string): (outcome: FrameOutcome) => (seconds: number) => void {
    const known = prepared.get(command);
    if (known) return known;
    const ends: Partial<Record<FrameOutcome, (seconds: number) => void>> = {};
    const of = (outcome: FrameOutcome) => (ends[outcome] ??= commands({ command, outcome }));
    prepared.set(command, of);
    return of;
  }

  const byRole = (value: (reading: ConnectionReading) => number): Value[] =>
    [...readers].map(([role, read]) => ({ labels: { role }, value: value(read()) }));
  const ofStates = {
    registry,
    name: 'work_factory_faktory_connections',
    help: 'Connections to the broker: connecting, doubted (being asked whether they still work), idle, busy.',
    labelNames: ['role', 'state'],
  };
  addMetric(ofStates, 'gauge', () =>
    [...readers].flatMap(([role, read]) =>
      Object.entries(read().states).map(([state, value]) => ({ labels: { role, state }, value })),
    ),
  );
  const of = (name: string, help: string) => ({ registry, name, help, labelNames: ['role'] });
  const ofUp = of(
    'work_factory_faktory_up',
    '0 while the broker cannot be used, as these connections see it: it is away, its Redis refused the last jobs (producer), or it replies to no FETCH (fetch, and report, which may have nothing to send).',
  );
  addMetric({ ...ofUp, aggregator: 'min' }, 'gauge', () =>
    byRole(({ downReason }) => Number(downReason === undefined)),
  );
  addMetric(
    of('work_factory_faktory_connections_opened_total', 'Connections to the broker that were opened.'),
    'counter',
    () => byRole(({ openedCount }) => openedCount),
  );
  addMetric(
    of('work_factory_faktory_connections_lost_total', 'Connections to the broker that ended, whoever ended them.'),
    'counter',
    () => byRole(({ lostCount }) => lostCount),
  );
  return {
    faktoryFrame(jobs, seconds, outcome) {
      frames(jobs);
      commandsOf('PUSHB')(outcome)(seconds);
    },
    faktoryCommand: (verb, seconds, outcome) => commandsOf(verbs.has(verb) ? verb : 'other')(outcome)(seconds),
    readConnections: (role, read) => void readers.set(role, read),
  };
}
