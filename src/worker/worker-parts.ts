// The parts of a worker, and how they work together in a turn.
import type { JobSource, JobSourceEvents } from '../domain/job-source.ts';
import type { JobRegistry } from '../domain/job-type.ts';
import type { Clock } from '../domain/clock.ts';
import type { ResultStore } from '../domain/results.ts';
import type { Handlers } from '../handlers/handlers.ts';
import { createEndings, type Endings } from './endings.ts';
import { createFetchQueues } from './fetch-queues.ts';
import type { EndedRun } from './ended-run.ts';
import type { WorkerLog } from './job-log.ts';
import { createJobRuns, type JobRuns, type JobRunsOptions } from './job-runs.ts';
import { createTurns, type Turns } from './turns.ts';

export interface WorkerPartsOptions {
  /** Called once, when the worker is made. */
  openSource: (events: JobSourceEvents<EndedRun>) => JobSource<EndedRun>;
  clock: Clock;
  random: () => number;
  registry: JobRegistry;
  queues: readonly string[];
  /** True: a queue is served when the queues before it are empty. False: no queue comes first. */
  isInOrder: boolean;
  /** Undefined: no type has a `run` of its own. */
  handlers: Handlers | undefined;
  /** How many jobs may be in hand from their FETCH on. A job of a handler process counts until the broker has taken its ACK. */
  concurrency: number;
  /** Undefined: results are not kept. */
  results: ResultStore | undefined;
  log: WorkerLog;
  /** Called when a unique job is over and its lock is free. */
  onUnlocked?: ((lock: string, jid: string) => void) | undefined;
  onStart?: JobRunsOptions['onStart'];
}

export interface WorkerParts {
  source: JobSource<EndedRun>;
  handlers: Handlers | undefined;
  runs: JobRuns;
  endings: Endings;
  turns: Turns;
  log: WorkerLog;
}

/**
 * The most jobs per slot that ran and wait for the store or for the reply to their ACK. They hold no slot; otherwise a distant
 * broker would cost two round trips a job. Four are enough for a store that is as far away.
 */
const heldPerSlot = 4;
const heldMin = 100;

export function createParts(
  options: WorkerPartsOptions,
  { onEnd, onState }: Pick<JobRunsOptions, 'onEnd'> & Pick<JobSourceEvents<EndedRun>, 'onState'>,
): WorkerParts {
  const { openSource, clock, concurrency, handlers, log } = options;
  const heldMax = Math.max(heldMin, heldPerSlot * concurrency);
  const turns = createTurns(clock, turn);
  const onChange = turns.schedule;
  const queues = createFetchQueues(options);
  const runs = createJobRuns({
    ...options,
    takesBack: () => source.takesBack,
    onEnd(end, seconds) {
      onEnd(end, seconds);
      endings.add(end);
      turns.schedule();
    },
  });
  const source = openSource({
    queues: queues.next,
    onJob: runs.take,
    onTold: (told) => endings.onTold(told),
    onOver: (end) => endings.onOver(end),
    onChange,
    onState,
  });
  const endings = createEndings({ ...options, source, onChange });

  function turn(): boolean {
    const { fetching } = source;
    const running = runs.size;
    const held = source.reporting + endings.storing;
    const wanted = endings.takesResults && queues.canFetch ? Math.min(concurrency - running, heldMax - held) : 0;
    source.fetch(wanted - fetching);
    runs.flush();
    endings.flush();
    return fetching + running === 0 && endings.isIdle;
  }

  return { source, handlers, runs, endings, turns, log };
}
