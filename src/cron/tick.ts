// One tick. Its job is enqueued once, however many processes try, because a process must claim the tick as a key first. A process
// that is refused tries again until the next tick.
import type { Logger } from 'pino';
import type { WallClock } from '../domain/clock.ts';
import type { LastTick, Schedule, TickOutcome, TickStore } from '../domain/cron.ts';
import { digestOf, type Digest } from '../domain/digest.ts';
import type { Job } from '../domain/job.ts';
import type { JobArgs } from '../domain/job-args.ts';
import type { JobType } from '../domain/job-type.ts';
import {
  KeyStoreError,
  lockHolder,
  lockOf,
  settledAs,
  type Claim,
  type KeyStore,
  type Verdict,
} from '../domain/keys.ts';
import type { Outcome, JobProducer } from '../domain/producer.ts';
import { lateMsMax } from './line.ts';
import type { Metrics } from '../metrics/metrics.ts';

export interface TickOptions {
  keys: KeyStore;
  ticks: TickStore;
  producer: Pick<JobProducer, 'push'>;
  makeJob: (type: JobType, args: JobArgs) => Job;
  clock: WallClock;
  enqueueTimeoutMs: number;
  metrics: Pick<Metrics, 'tick'>;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

export interface Tick {
  readonly type: JobType;
  readonly schedule: Schedule;
  readonly atMs: number;
  /** When the next tick is due; Infinity: never. */
  readonly untilMs: number;
}

/**
 * A key is kept until the next tick, after which nobody tries this tick, and for this margin: processes whose clocks differ by
 * less never enqueue a tick twice.
 */
const marginMs = 3_600_000;

/** The pauses before each further try. The last pause is repeated: an outage costs two commands of the store in 5 s. */
const retryMs = [250, 500, 1000, 2000, 5000];

/** The key of a request has a path in its second line, so it never equals the key of a tick. */
export const tickId = (name: string, atMs: number): Digest => digestOf(`cron\n${name}\n${atMs}`);

interface Ended {
  readonly end: Exclude<TickOutcome, 'refused'>;
  readonly jobId: string;
  readonly detail?: string;
}

/** This try has stored nothing; `detail` says why. */
interface Again {
  readonly end: 'again';
  readonly detail: string;
  /** Another process is enqueueing this job. */
  readonly holder?: string;
}

type Try = Ended | Again;

/** @param pause resolves after a time, or with false at once when nothing new may begin */
export async function runTick(
  tick: Tick,
  options: TickOptions,
  pause: (ms: number) => Promise<boolean>,
): Promise<void> {
  const { clock, log } = options;
  let isLogged = false;
  for (let tries = 0; ; tries++) {
    const tried = await tryOnce(tick, options);
    if (tried.end !== 'again') return end(tick, tried, options);
    const delayMs = retryMs[Math.min(tries, retryMs.length - 1)] as number;
    const isLast = clock.wallMs() + delayMs >= tick.untilMs;
    // The other process may have died or be slow: it has not reported the outcome.
    if (isLast && tried.holder !== undefined)
      return end(tick, { ...tried, end: 'unknown', jobId: tried.holder }, options);
    if (!isLast && !isLogged && tried.holder === undefined) {
      log.warn({ ...aboutOf(tick), reason: tried.detail }, 'a tick was refused: it is tried again');
      isLogged = true;
    }
    if (isLast || !(await pause(delayMs))) return giveUp(tick, tried, options);
  }
}

const aboutOf = ({ schedule: { name }, atMs }: Tick): object => ({
  schedule: name,
  tick: new Date(atMs).toISOString(),
});

async function end(tick: Tick, { end: outcome, jobId, detail }: Ended, options: TickOptions): Promise<void> {
  const { schedule, type } = tick;
  const { metrics, log, ticks } = options;
  metrics.tick(type.name, outcome);
  const about = { ...aboutOf(tick), operation: type.name, job_id: jobId };
  if (outcome === 'enqueued') log.info(about, 'a tick was enqueued');
  if (outcome === 'unknown') log.warn({ ...about, reason: detail }, 'it is not known whether a tick was enqueued');
  await ticks.keep(schedule.name, lastOf(tick, jobId, outcome === 'unknown' ? outcome : 'enqueued'));
}

function giveUp(tick: Tick, { detail, holder }: Again, { metrics, log }: TickOptions): void {
  if (holder !== undefined) return;
  metrics.tick(tick.type.name, 'refused');
  log.warn({ ...aboutOf(tick), reason: detail }, 'a tick was refused, and is not tried again');
}

function lastOf(
  { schedule: { pattern, timeZone }, atMs }: Tick,
  jobId: string,
  outcome: LastTick['outcome'],
): LastTick {
  return { atMs, jobId, outcome, pattern, timeZone };
}

async function tryOnce(tick: Tick, options: TickOptions): Promise<Try> {
  const { schedule, type, atMs, untilMs } = tick;
  const { keys, clock } = options;
  const requestId = `${schedule.name}@${new Date(atMs).toISOString()}`;
  const job = options.makeJob(type, { ...schedule.args, requestId });
  const keptMs = (untilMs === Infinity ? 0 : untilMs - atMs) + marginMs;
  const claim = lockOf(tickId(schedule.name, atMs), job.jid, keptMs);
  let verdict: Verdict | undefined;
  try {
    [verdict] = await keys.claim([claim]);
  } catch (error) {
    const { message } = error as Error;
    return { end: 'again', detail: error instanceof KeyStoreError ? `the store of keys: ${message}` : message };
  }
  switch (verdict?.state) {
    case 'done':
      return { end: 'replayed', jobId: lockHolder(verdict.response) };
    case 'unknown':
      return {
        end: 'unknown',
        jobId: verdict.jids[0] as string,
        detail: 'the process that enqueued it has not reported the outcome',
      };
    case 'claimed':
      break;
    case 'in_progress':
      return { end: 'again', detail: 'another process is enqueueing it', holder: verdict.jids[0] as string };
    default:
      return { end: 'again', detail: 'the store of keys gave no clear reply' };
  }
  // This process may have been suspended meanwhile, for longer than the key of an earlier process was kept.
  if (clock.wallMs() < untilMs + lateMsMax) return push(job, claim, options);
  await keys.settle([{ claim, outcome: 'refused' }]);
  return { end: 'again', detail: 'it is too late' };
}

async function push(job: Job, claim: Claim, options: TickOptions): Promise<Try> {
  const { keys, producer, clock, enqueueTimeoutMs } = options;
  keys.attach(claim, [job], ([outcome]) => (outcome?.kind === 'enqueued' ? claim.response : undefined));
  const outcome: Outcome = await producer.push(job, clock.now() + enqueueTimeoutMs);
  await keys.settle([{ claim, outcome: settledAs[outcome.kind] }]);
  if (outcome.kind === 'refused') return { end: 'again', detail: outcome.detail };
  return { end: outcome.kind, jobId: job.jid, ...(outcome.kind === 'unknown' && { detail: outcome.detail }) };
}
