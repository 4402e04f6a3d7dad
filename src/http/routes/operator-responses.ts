// Responses to operators: their schemas, and the problems when the broker refuses or does not reply.
import { z } from 'zod';
import { OperatorError, setNames, type SetJob, type SetName } from '../../domain/operator.ts';
import { setArgsCharsMax, setErrorCharsMax, setNameCharsMax } from '../limits.ts';
import { cut } from '../problems/caller-text.ts';
import { AppError } from '../problems/errors.ts';
import { invalidPart } from '../problems/violations.ts';
import { commonProblems } from './schemas.ts';

const count = z.int().min(0);
const time = z.string().meta({ description: 'RFC 3339' });

export const queueList = z.object({
  queues: z.array(
    z.object({
      name: z.string(),
      depth: count.meta({ description: 'Jobs that wait' }),
      latency_seconds: z.number().meta({ description: 'Age of the job at the head' }),
      paused: z.boolean().nullable().meta({ description: 'Null: the broker does not tell' }),
    }),
  ),
});

export const setPage = z.object({
  set: z.enum(setNames),
  total: count.meta({ description: 'Jobs in the set, of any jobtype' }),
  jobs: z.array(
    z.object({
      job_id: z.string(),
      jobtype: z.string(),
      queue: z.string(),
      args: z.unknown().meta({
        description: `The array of arguments; the first ${setArgsCharsMax} characters of its JSON, as a string, when that is longer`,
      }),
      at: time.optional().meta({ description: 'When the broker queues it; not of the dead' }),
      failed_at: time.optional(),
      retry_count: z.number().optional(),
      errtype: z.string().optional(),
      error: z.string().optional(),
    }),
  ),
  cursor: z.string().nullable().meta({ description: 'Leads to the next page; null at the end' }),
});

export const operatorProblems = [...commonProblems, 'not_supported', 'broker_unavailable', 'outcome_unknown'] as const;

export const actionProblems = [
  ...operatorProblems,
  'cross_origin',
  'not_found',
  'unsupported_media_type',
  'malformed_json',
  'body_too_large',
  'request_timeout',
  'validation_failed',
  'overloaded',
] as const;

const shown = (text: string | undefined, max: number): string | undefined =>
  text === undefined ? undefined : cut(text, max);

function argsOf(args: unknown): unknown {
  const text = JSON.stringify(args ?? null);
  return text.length <= setArgsCharsMax ? args : cut(text, setArgsCharsMax);
}

/** A job with shortened texts, because any client of the broker may have pushed it. */
export const jobIn = (job: SetJob): z.infer<typeof setPage>['jobs'][number] => ({
  job_id: cut(job.jid, setNameCharsMax),
  jobtype: cut(job.jobtype, setNameCharsMax),
  queue: job.queue,
  args: argsOf(job.args),
  at: job.at,
  failed_at: shown(job.failedAt, setNameCharsMax),
  retry_count: job.retryCount,
  errtype: shown(job.errtype, setNameCharsMax),
  error: shown(job.error, setErrorCharsMax),
});

/** @throws AppError with 404 */
export function readSetName(params: unknown): SetName {
  const { set } = params as { set: string };
  const known = setNames.find((name) => name === set);
  if (known !== undefined) return known;
  throw new AppError('not_found', `There is no set ${cut(set)}: the sets are ${setNames.join(', ')}`);
}

function problemOf(error: unknown): unknown {
  if (!(error instanceof OperatorError)) return error;
  const { reason, message, page, cause } = error;
  if (reason === 'bad_cursor') return invalidPart('/cursor', message);
  const code = { not_supported: 'not_supported', away: 'broker_unavailable', unknown: 'outcome_unknown' } as const;
  return new AppError(code[reason], message, page === undefined ? {} : { page }, cause);
}

/** Rejects with the failure for the caller. */
export const withProblems = <Value>(asked: Promise<Value>): Promise<Value> =>
  asked.catch((error: unknown) => {
    throw problemOf(error);
  });
