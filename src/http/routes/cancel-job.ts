// DELETE /jobs/{job_id}: cancels a job that has not started. The response is `cancelled` only when no worker will run the job
// (docs/decisions/0019-cancelling.md): the broker has replied that it removed the job, or the record keeps our workers from
// running it, or the job is due much later.
import type { FastifyInstance, FastifyReply, onRequestHookHandler } from 'fastify';
import { z } from 'zod';
import { jidPattern } from '../../domain/jid.ts';
import { RemovalError, type JobRemover } from '../../domain/job-remover.ts';
import type { JobRegistry } from '../../domain/job-type.ts';
import { unlock, type KeyStore } from '../../domain/keys.ts';
import { isEnded, isWaiting, type JobRecord, type ResultStore } from '../../domain/results.ts';
import { refuseUnnamedPages } from '../plugins/own-pages.ts';
import { AppError } from '../problems/errors.ts';
import { readBody } from '../problems/violations.ts';
import { notKept, notKnown, readJobId, storeAway } from './job-state.ts';
import { cancellationsMax, cancelMarginMs } from '../limits.ts';
import { commonProblems, jobId, noFields, problemResponses } from './schemas.ts';

export interface CancelJobOptions {
  registry: JobRegistry;
  /** Undefined when this deployment keeps no results. */
  results: ResultStore | undefined;
  remover: JobRemover;
  /** The store with the locks of unique jobs. */
  keys: KeyStore | undefined;
  protect: readonly onRequestHookHandler[];
}

const problems = [
  'cross_origin',
  'unsupported_media_type',
  'not_found',
  'method_not_allowed',
  'malformed_json',
  'request_timeout',
  'body_too_large',
  'validation_failed',
  'not_cancellable',
  'results_not_kept',
  'results_unavailable',
  'broker_unavailable',
  'overloaded',
  'outcome_unknown',
] as const;

export function registerCancelJob(
  app: FastifyInstance,
  { registry, results, remover, keys, protect }: CancelJobOptions,
): void {
  const schema = {
    summary: 'Cancel a job that has not started',
    params: z.object({ job_id: z.string().regex(jidPattern) }),
    body: noFields,
    response: {
      200: z.object({ job_id: jobId, state: z.literal('cancelled') }),
      ...problemResponses([...commonProblems, ...problems]),
    },
  };
  let underWay = 0;
  const options = { schema, config: { bodyMayBeEmpty: true }, onRequest: [...protect, refuseUnnamedPages] };
  app.delete('/jobs/:job_id', options, async (request, reply) => {
    const jid = readJobId(request.params, registry, reply);
    readBody(noFields, request.body);
    if (results === undefined) throw notKept();
    if (underWay >= cancellationsMax) throw new AppError('overloaded', 'Too many jobs are being cancelled');
    underWay++;
    const { unique_key: lock } = await cancelJob(jid, { results, remover, reply }).finally(() => underWay--);
    // A broker in this process has freed the lock already.
    if (keys && typeof lock === 'string') await unlock(keys, lock, jid);
    return { job_id: jid, state: 'cancelled' as const };
  });
}

interface Means {
  results: ResultStore;
  remover: JobRemover;
  reply: FastifyReply;
}

/** Resolves to the record before the cancellation. */
async function cancelJob(jid: string, means: Means): Promise<JobRecord> {
  const { results, remover, reply } = means;
  const ask = <Value>(asked: Promise<Value>): Promise<Value> =>
    asked.catch((error: unknown) => {
      throw storeAway(error, reply);
    });
  const known = await ask(results.get(jid));
  if (known === undefined) throw notKnown();
  if (isEnded(known)) throw new AppError('not_cancellable', `The job has ended: ${known.state}`);
  const record = cancelledOf(known);
  const isOurs = known.tracked !== false;
  if (isOurs && isWaiting(known) && (await ask(results.cancel(record)))) {
    await tidyUp(jid, means);
    return known;
  }
  if (remover.tells) {
    if (!(await remove(jid, remover))) throw started();
    // The job is cancelled even when the store does not take the record.
    await results.put([record]).catch((error: unknown) => storeAway(error, reply));
    return known;
  }
  if (isOurs || !isFarAway(known)) throw started();
  await remove(jid, remover);
  if (!isFarAway(known) || !(await ask(results.cancel(record)))) throw started();
  return known;
}

const remove = (jid: string, remover: JobRemover): Promise<boolean> =>
  remover.remove(jid).catch((error: unknown) => {
    if (!(error instanceof RemovalError)) throw error;
    const isAway = error.outcome === 'away';
    const fields = isAway ? {} : { job_ids: [jid] };
    throw new AppError(isAway ? 'broker_unavailable' : 'outcome_unknown', error.message, fields, error.cause);
  });

/** The record already keeps workers from running the job. Without the removal the broker would keep it until its time. */
const tidyUp = (jid: string, { remover, reply }: Means): Promise<void> =>
  remover.remove(jid).then(
    () => undefined,
    (error: unknown) =>
      reply.log.warn({ err: error, jid, request_id: reply.request.id }, 'a cancelled job is still in the broker'),
  );

const started = (): AppError =>
  new AppError('not_cancellable', 'The job has started, or nobody can tell that it has not');

/** True when only the broker's schedule has the job, and will have it for some time. */
const isFarAway = ({ state, at }: JobRecord): boolean =>
  state === 'scheduled' && Date.parse(at ?? '') >= Date.now() + cancelMarginMs;

const cancelledOf = (known: JobRecord): JobRecord => ({
  ...known,
  state: 'cancelled',
  finished_at: new Date().toISOString(),
});
