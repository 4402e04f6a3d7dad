// Requests with a key: looked up before anything is pushed, settled after it, and answered as the first one was
// (docs/decisions/0022-idempotency-keys.md). Requests without a key never come here.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../domain/clock.ts';
import type { Job } from '../domain/job.ts';
import {
  KeyStoreError,
  type Claim,
  type KeptAnswer,
  type KeyOutcome,
  type KeyStore,
  type Settlement,
  type Verdict,
} from '../domain/keys.ts';
import { enqueued, unknown, type Fate, type JobProducer } from '../domain/producer.ts';
import type { JobRecord, ResultStore } from '../domain/results.ts';
import { isEnded } from '../domain/results.ts';
import type { Metrics } from '../metrics.ts';
import { AppError } from './errors.ts';
import type { EntryKey } from './entry-key.ts';
import { idOf, readKeyHeader, replayedHeader } from './idempotency-key.ts';
import { sendProblem, type Problem } from './problem.ts';

export interface OnceOptions {
  /** Undefined when this deployment keeps no keys. */
  keys: KeyStore | undefined;
  results: Pick<ResultStore, 'get'> | undefined;
  producer: JobProducer;
  metrics: Pick<Metrics, 'key'>;
  clock: Clock;
  enqueueTimeoutMs: number;
}

export type Answered = { readonly status: number; readonly body: object } | { readonly problem: Problem };

/** What a request asks for, read and checked. */
export interface Attempt {
  readonly jobs: readonly Job[];
  /** @param fates one for each job */
  answerOf(fates: readonly Fate[]): Answered;
  /** Called once, with what became of the jobs. */
  onFates(fates: readonly Fate[]): void;
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
  /** Pushes jobs that were claimed, and settles the claims by their fates; answers by the deadline. */
  push(
    jobs: readonly Job[],
    deadlineMs: number,
    settlementsOf: (fates: readonly Fate[]) => readonly Settlement[],
  ): Promise<readonly Fate[]>;
  readonly store: KeyStore | undefined;
  count(request: FastifyRequest, outcome: KeyOutcome, jids: readonly string[]): void;
}

const noAnswerInTime = unknown('no answer from the broker in time');
const areEnqueued = (fates: readonly Fate[]): boolean => fates.every(({ outcome }) => outcome === 'enqueued');
const keep = ({ status, body }: Extract<Answered, { status: number }>): KeptAnswer => ({
  status,
  body: JSON.stringify(body),
});
const keptOf = (answered: Answered): KeptAnswer | undefined => ('problem' in answered ? undefined : keep(answered));

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
      request.log.warn({ err: error, request_id: request.id }, 'the store of keys took no key');
      if (error.reason === 'unkept') throw notKept(error.message);
      const why = error.reason === 'full' ? 'is full' : 'does not answer';
      throw new AppError('keys_unavailable', `The store of keys ${why}: nothing was enqueued`);
    }
  }

  function count(request: FastifyRequest, outcome: KeyOutcome, jids: readonly string[]): void {
    metrics.key(outcome);
    if (outcome === 'claimed') return;
    const fields = { request_id: request.id, caller: request.caller, job_id: jids[0] };
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

  /** Deadlines come in the order of the pushes (group-commit.ts): the caller's own, which is earlier, is kept here. */
  async function push(
    jobs: readonly Job[],
    deadlineMs: number,
    settlementsOf: (fates: readonly Fate[]) => readonly Settlement[],
  ): Promise<readonly Fate[]> {
    const lateMs = clock.now() + enqueueTimeoutMs;
    const [only] = jobs;
    const pushed: Promise<readonly Fate[]> =
      jobs.length === 1 ? producer.push(only as Job, lateMs).then((fate) => [fate]) : producer.pushBulk(jobs, lateMs);
    // Whenever it ends, also after the caller has been told that nothing is known.
    const settled = pushed.then(async (fates) => {
      await keys?.settle(settlementsOf(fates));
      return fates;
    });
    settled.catch(() => undefined);
    const fates = await inTime(pushed, deadlineMs);
    if (fates === undefined) return jobs.map(() => noAnswerInTime);
    // So that a repetition is answered alike; a store that hangs holds up nobody for longer than the deadline.
    await inTime(settled, deadlineMs);
    return fates;
  }

  async function first(claim: Claim, attempt: Attempt, deadlineMs: number): Promise<Answered> {
    const { jobs, answerOf } = attempt;
    const answerKept = (fates: readonly Fate[]): KeptAnswer | undefined =>
      areEnqueued(fates) ? claim.answer : keptOf(answerOf(fates));
    keys?.attach(claim, jobs, answerKept);
    const fates = await push(jobs, deadlineMs, (ends) => [settlementOf(claim, jobs, ends, answerKept)]);
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

  return {
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
          return send(reply, await first(claim, attempt as Attempt, deadlineMs));
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
}

/** In the very bytes that are kept. */
function send(reply: FastifyReply, answered: Answered): FastifyReply {
  if ('problem' in answered) return sendProblem(reply, answered.problem);
  const { status, body } = keep(answered);
  return reply.code(status).header('content-type', jsonContentType).send(body);
}

const notKept = (message: string): AppError => new AppError('keys_not_kept', message);

/** A request that was not accepted claims nothing: what it repeats may have been. */
function claimOf(request: FastifyRequest, attempt: Attempt | AppError, entryKey: EntryKey | undefined): Claim {
  const id = entryKey ? idOf(request, 'entry', entryKey.key) : idOf(request, 'header', readKeyHeader(request));
  const fingerprint = entryKey?.fingerprint ?? (request.fingerprint as Buffer);
  if (attempt instanceof AppError || attempt.jobs.length === 0)
    return { id, fingerprint, jids: [], answer: { status: 0, body: '' } };
  const { jobs, answerOf } = attempt;
  const answer = keptOf(answerOf(jobs.map(() => enqueued))) as KeptAnswer;
  return { id, fingerprint, jids: jobs.map(({ jid }) => jid), answer };
}

function settlementOf(
  claim: Claim,
  jobs: readonly Job[],
  fates: readonly Fate[],
  answerOf: (fates: readonly Fate[]) => KeptAnswer | undefined,
): Settlement {
  if (areEnqueued(fates)) return { claim, outcome: 'done' };
  const answer = answerOf(fates);
  if (answer !== undefined) return { claim, outcome: 'done', answer };
  const jids = jobs.filter((_, index) => fates[index]?.outcome === 'unknown').map(({ jid }) => jid);
  if (jids.length === 0) return { claim, outcome: 'refused' };
  const ifStored = answerOf(fates.map((fate) => (fate.outcome === 'unknown' ? enqueued : fate)));
  return { claim, outcome: 'unknown', jids, answer: ifStored as KeptAnswer };
}
