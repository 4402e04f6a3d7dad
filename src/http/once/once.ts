// Requests with a key: looked up before anything is pushed, settled after it, and answered as the first one was
// (docs/decisions/0022-idempotency-keys.md). Requests without a key never come here.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import type { Job } from '../../domain/job.ts';
import {
  KeyStoreError,
  type Claim,
  type KeptAnswer,
  type KeyOutcome,
  type KeyStore,
  type Settlement,
  type Verdict,
} from '../../domain/keys.ts';
import { refused, unknown, type Fate, type JobProducer } from '../../domain/producer.ts';
import type { JobRecord, ResultStore } from '../../domain/results.ts';
import { isEnded } from '../../domain/results.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { AppError } from '../problems/errors.ts';
import { areEnqueued, claimOf, keep, keptOf, settlementOf, type Answered, type Attempt } from './attempt.ts';
import type { EntryKey } from './entry-key.ts';
import { callerOf, replayedHeader } from './idempotency-key.ts';
import { sendProblem } from '../problems/problem.ts';
import { lockJobs, type Locked } from './unique.ts';

export interface OnceOptions {
  /** Undefined when this deployment keeps no keys. */
  keys: KeyStore | undefined;
  results: Pick<ResultStore, 'get'> | undefined;
  producer: JobProducer;
  metrics: Pick<Metrics, 'key'>;
  clock: Clock;
  enqueueTimeoutMs: number;
}

/** Claims of keys that jobs are pushed for. */
export interface Claimed {
  /** By the fates of all jobs. */
  settlementsOf(fates: readonly Fate[]): readonly Settlement[];
  /** Called with the jobs that will be pushed; `complete` turns their fates into the fates of all jobs. */
  onLocked?(pushed: readonly Job[], complete: (fates: readonly Fate[]) => readonly Fate[]): void;
}

export interface Once {
  /**
   * Answers a request that has the header, or whose body has a key.
   *
   * @param attempt the failure of a request that was not accepted: an earlier one with the key may have been
   */
  answer(
    request: FastifyRequest,
    reply: FastifyReply,
    deadlineMs: number,
    attempt: Attempt | AppError,
    entryKey?: EntryKey,
  ): Promise<FastifyReply>;
  /** Claims for a request. Rejects with the failure that it is answered with. */
  claim(request: FastifyRequest, claims: readonly Claim[]): Promise<readonly Verdict[]>;
  /** Whether all jobs of an outcome that was unknown are seen to be stored, because a worker has had them. */
  areStored(jids: readonly string[]): Promise<boolean>;
  /** Takes the locks of unique jobs, pushes what is left, and settles all claims by the fates; answers by the deadline. */
  push(request: FastifyRequest, jobs: readonly Job[], deadlineMs: number, claimed?: Claimed): Promise<readonly Fate[]>;
  readonly store: KeyStore | undefined;
  count(request: FastifyRequest, outcome: KeyOutcome, jids: readonly string[]): void;
}

const noAnswerInTime = unknown('no answer from the broker in time');

/** Of many ids the first that nothing is known of ends the look. */
const lookAtOnce = 50;
/** `remember` makes a record of a job that is perhaps not stored; these are a worker's. */
const wasSeen = (record: JobRecord | undefined): boolean =>
  isEnded(record) || record?.started_at !== undefined || record?.attempts !== undefined;

const jsonContentType = 'application/json; charset=utf-8';

export function createOnce(options: OnceOptions): Once {
  const { keys, results, producer, metrics, clock, enqueueTimeoutMs } = options;

  /** The promise's value, or undefined when the time comes first. */
  function inTime<Value>(promise: Promise<Value>, deadlineMs: number): Promise<Value | undefined> {
    return new Promise((resolve, reject) => {
      const timer = clock.after(Math.max(0, deadlineMs - clock.now()), () => resolve(undefined));
      promise.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  async function claimAll(request: FastifyRequest, claims: readonly Claim[]): Promise<readonly Verdict[]> {
    if (keys === undefined) throw notKept('This deployment keeps no keys: KEYS_URL is not set');
    try {
      return await keys.claim(claims);
    } catch (error) {
      metrics.key('unavailable');
      if (!(error instanceof KeyStoreError)) throw error;
      // Said once at warn, by whoever opened the store (src/roles/measured-keys.ts).
      request.log.debug({ err: error, request_id: request.id }, 'the store of keys took no key');
      if (error.reason === 'unkept') throw notKept(error.message);
      const why = error.reason === 'full' ? 'is full' : 'does not answer';
      throw new AppError('keys_unavailable', `The store of keys ${why}: nothing was enqueued`);
    }
  }

  function count(request: FastifyRequest, outcome: KeyOutcome, jids: readonly string[]): void {
    metrics.key(outcome);
    if (outcome === 'claimed') return;
    const fields = { request_id: request.id, caller: callerOf(request), jid: jids[0] };
    if (outcome === 'reused') request.log.warn(fields, 'a key was sent again with another body');
    else request.log.info(fields, `a key was sent again: ${outcome.replace('_', ' ')}`);
  }

  async function areStored(jids: readonly string[]): Promise<boolean> {
    if (results === undefined || jids.length === 0) return false;
    for (let start = 0; start < jids.length; start += lookAtOnce) {
      const looked = jids.slice(start, start + lookAtOnce).map((jid) => results.get(jid));
      const records = await Promise.all(looked).catch(() => [undefined]);
      if (!records.every(wasSeen)) return false;
    }
    return true;
  }

  /** Deadlines come in the order of the pushes (group-commit.ts): the caller's own, which is earlier, is kept by `inTime`. */
  async function pushNow(jobs: readonly Job[]): Promise<readonly Fate[]> {
    const lateMs = clock.now() + enqueueTimeoutMs;
    const [first] = jobs;
    if (first === undefined) return [];
    return jobs.length === 1 ? [await producer.push(first, lateMs)] : producer.pushBulk(jobs, lateMs);
  }

  /** The keys are free again when the locks cannot be had. */
  async function lock(request: FastifyRequest, jobs: readonly Job[], { settlementsOf }: Claimed): Promise<Locked> {
    if (jobs.every(({ unique }) => unique === undefined)) return unlocked(jobs);
    try {
      return await lockJobs(once, request, jobs);
    } catch (error) {
      await keys?.settle(settlementsOf(jobs.map(() => refused('overloaded', ''))));
      throw error;
    }
  }

  async function push(
    request: FastifyRequest,
    jobs: readonly Job[],
    deadlineMs: number,
    claimed: Claimed = unclaimed,
  ): Promise<readonly Fate[]> {
    const locked = await lock(request, jobs, claimed);
    claimed.onLocked?.(locked.jobs, locked.complete);
    const pushed = pushNow(locked.jobs);
    // Whenever it ends, also after the caller has been told that nothing is known.
    const settled = pushed.then((fates) =>
      keys?.settle([...claimed.settlementsOf(locked.complete(fates)), ...locked.settlementsOf(fates)]),
    );
    settled.catch(() => undefined);
    const fates = await inTime(pushed, deadlineMs);
    if (fates === undefined) return locked.complete(locked.jobs.map(() => noAnswerInTime));
    // So that a repetition is answered alike; a store that hangs holds up nobody for longer than the deadline.
    await inTime(settled, deadlineMs);
    return locked.complete(fates);
  }

  async function first(request: FastifyRequest, claim: Claim, attempt: Attempt, deadlineMs: number): Promise<Answered> {
    const { jobs, answerOf } = attempt;
    const answerKept = (fates: readonly Fate[]): KeptAnswer | undefined =>
      areEnqueued(fates) ? claim.answer : keptOf(answerOf(fates));
    const fates = await push(request, jobs, deadlineMs, {
      settlementsOf: (ends) => [settlementOf(claim, jobs, ends, answerKept)],
      onLocked: (pushed, complete) => keys?.attach(claim, pushed, (ends) => answerKept(complete(ends))),
    });
    attempt.onFates(fates);
    return answerOf(fates);
  }

  function replay(reply: FastifyReply, { status, body }: KeptAnswer): FastifyReply {
    return reply.code(status).header(replayedHeader, 'true').header('content-type', jsonContentType).send(body);
  }

  async function answerUnknown(
    request: FastifyRequest,
    reply: FastifyReply,
    { jids, answer }: Extract<Verdict, { state: 'unknown' }>,
  ): Promise<FastifyReply> {
    if (await areStored(jids)) {
      count(request, 'replayed', jids);
      return replay(reply, answer);
    }
    count(request, 'unknown', jids);
    throw new AppError('outcome_unknown', 'Whether the first request with this key was stored is not known', {
      job_ids: jids,
    });
  }

  const once: Once = {
    store: keys,
    areStored,
    push,
    claim: claimAll,
    count,
    async answer(request, reply, deadlineMs, attempt, entryKey) {
      const claim = claimOf(request, attempt, entryKey);
      const [verdict] = await claimAll(request, [claim]);
      switch (verdict?.state) {
        case 'claimed': {
          count(request, 'claimed', claim.jids);
          return send(reply, await first(request, claim, attempt as Attempt, deadlineMs));
        }
        case 'done':
          count(request, 'replayed', []);
          return replay(reply, verdict.answer);
        case 'in_progress':
          count(request, 'in_progress', verdict.jids);
          throw new AppError('in_progress', 'Another request with this key is under way');
        case 'reused':
          count(request, 'reused', []);
          throw new AppError('key_reused', 'This key was sent before, with another body');
        case 'unknown':
          return answerUnknown(request, reply, verdict);
        default:
          if (attempt instanceof AppError) throw attempt;
          return send(reply, attempt.answerOf([]));
      }
    },
  };
  return once;
}

const unclaimed: Claimed = { settlementsOf: () => [] };
const unlocked = (jobs: readonly Job[]): Locked => ({ jobs, complete: (fates) => fates, settlementsOf: () => [] });

/** In the very bytes that are kept. */
function send(reply: FastifyReply, answered: Answered): FastifyReply {
  if ('problem' in answered) return sendProblem(reply, answered.problem);
  const { status, body } = keep(answered);
  return reply.code(status).header('content-type', jsonContentType).send(body);
}

const notKept = (message: string): AppError => new AppError('keys_not_kept', message);
