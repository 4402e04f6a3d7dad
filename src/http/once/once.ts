// Claims the key of a request before anything is pushed, and settles the claim after the push. A repeated request gets the first
// response (docs/decisions/0022-idempotency-keys.md). `push` also serves unique jobs without a key.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Claim, KeptResponse, Verdict } from '../../domain/keys.ts';
import type { Outcome } from '../../domain/producer.ts';
import { AppError } from '../problems/errors.ts';
import { sendProblem } from '../problems/problem.ts';
import {
  areEnqueued,
  claimOf,
  encodeResponse,
  keptOf,
  settlementOf,
  type EnqueueResponse,
  type Attempt,
} from './attempt.ts';
import type { EntryKey } from './entry-key.ts';
import { replayedHeader } from './idempotency-key.ts';
import { createRequestKeys, type RequestKeys, type RequestKeysOptions } from './request-keys.ts';
import { createSettledPush, type Claimed, type SettledPush, type SettledPushOptions } from './settled-push.ts';
import { countIfRefusedByKeys, type JobCounter } from './refused-by-keys.ts';

export interface OnceOptions extends RequestKeysOptions, Omit<SettledPushOptions, 'keys'> {
  metrics: RequestKeysOptions['metrics'] & JobCounter;
}

export interface Once {
  readonly keys: RequestKeys;
  readonly push: SettledPush;
  /**
   * Responds to a request that has the header Idempotency-Key, or whose body has a key.
   *
   * @param attempt or the error of a refused request: an earlier request with this key may have been accepted, and then its
   * response is sent
   */
  respond(
    request: FastifyRequest,
    reply: FastifyReply,
    deadlineMs: number,
    attempt: Attempt | AppError,
    entryKey?: EntryKey,
  ): Promise<FastifyReply>;
}

const jsonContentType = 'application/json; charset=utf-8';

export function createOnce(options: OnceOptions): Once {
  const keys = createRequestKeys(options);
  const push = createSettledPush({ ...options, keys });

  async function pushFirst(
    request: FastifyRequest,
    reply: FastifyReply,
    claim: Claim,
    attempt: Attempt,
    deadlineMs: number,
  ): Promise<FastifyReply> {
    const { jobs, responseOf } = attempt;
    const responseToKeep = (outcomes: readonly Outcome[]): KeptResponse | undefined =>
      areEnqueued(outcomes) ? claim.response : keptOf(responseOf(outcomes));
    const claimed: Claimed = {
      settlementsOf: (outcomes) => [settlementOf(claim, jobs, outcomes, responseToKeep)],
      onLocked: (locked, complete) =>
        keys.store?.attach(claim, locked, (outcomes) => responseToKeep(complete(outcomes))),
    };
    const outcomes = await countIfRefusedByKeys(options.metrics, jobs, push(request, jobs, deadlineMs, claimed));
    attempt.onOutcomes(outcomes);
    return areEnqueued(outcomes) ? sendKept(reply, claim.response) : send(reply, responseOf(outcomes));
  }

  return {
    keys,
    push,
    async respond(request, reply, deadlineMs, attempt, entryKey) {
      const claim = claimOf(request, attempt, entryKey);
      const jobs = attempt instanceof AppError ? [] : attempt.jobs;
      const claiming = keys.claim(request, [claim]);
      const verdict = (await countIfRefusedByKeys(options.metrics, jobs, claiming))[0] as Verdict;
      switch (verdict.state) {
        case 'claimed':
          keys.count(request, 'claimed', claim.jids);
          return pushFirst(request, reply, claim, attempt as Attempt, deadlineMs);
        case 'done':
          keys.count(request, 'replayed', []);
          return replay(reply, verdict.response);
        case 'in_progress':
          keys.count(request, 'in_progress', verdict.jids);
          throw new AppError('in_progress', 'Another request with this key is under way');
        case 'reused':
          keys.count(request, 'reused', []);
          throw new AppError('key_reused', 'This key was sent before, with another body');
        case 'unknown':
          return respondUnknown(keys, request, reply, verdict);
        case 'absent':
          if (attempt instanceof AppError) throw attempt;
          // There are no jobs to push, so the response is that of no jobs.
          return send(reply, attempt.responseOf([]));
      }
    },
  };
}

async function respondUnknown(
  keys: RequestKeys,
  request: FastifyRequest,
  reply: FastifyReply,
  { jids, response }: Extract<Verdict, { state: 'unknown' }>,
): Promise<FastifyReply> {
  if (await keys.areStored(jids)) {
    keys.count(request, 'replayed', jids);
    return replay(reply, response);
  }
  keys.count(request, 'unknown', jids);
  const detail = 'It is not known whether the jobs of the first request with this key were stored';
  throw new AppError('outcome_unknown', detail, { job_ids: jids });
}

const send = (reply: FastifyReply, response: EnqueueResponse): FastifyReply =>
  'problem' in response ? sendProblem(reply, response.problem) : sendKept(reply, encodeResponse(response));

/** Sends the same bytes as the first response. */
const sendKept = (reply: FastifyReply, { status, body }: KeptResponse): FastifyReply =>
  reply.code(status).header('content-type', jsonContentType).send(body);

const replay = (reply: FastifyReply, response: KeptResponse): FastifyReply =>
  sendKept(reply.header(replayedHeader, 'true'), response);
