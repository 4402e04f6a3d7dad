// The schemas of the responses. The serializers and the API document are made from them; requests are described by the types
// of jobs.
import { z } from 'zod';
import { errorTable, type ErrorCode } from '../problems/errors.ts';
import { jobStates } from '../../domain/results.ts';

const count = z.int().min(0);
/** Marks a text of our own that needs no escaping in JSON. That saves a third of the time of a batch's response. */
export const plainText = 'x-plain-text';
export const jobId = z
  .string()
  .meta({ description: 'The id that the broker stores and the worker sees', [plainText]: true });

const time = z.string().meta({ description: 'RFC 3339, UTC' });

const duplicate = z
  .boolean()
  .optional()
  .meta({ description: 'A job like this one has not ended: the id is that of the other job' });

export const acceptedJob = z.object({ job_id: jobId, message: z.string(), at: time.optional(), duplicate });

const batchResult = z.object({
  index: count,
  status: z.enum(['enqueued', 'rejected', 'failed', 'unknown']),
  job_id: jobId.optional(),
  at: time.optional(),
  duplicate,
  replayed: z.boolean().optional().meta({ description: 'It was enqueued before, with the same key' }),
  code: z.string().optional(),
  detail: z.string().optional(),
});

export const acceptedBatch = z.object({
  job_ids: z.array(jobId),
  message: z.string(),
  count,
  results: z
    .array(batchResult)
    .optional()
    .meta({ description: 'When one of them is scheduled, a duplicate or replayed' }),
});
export type AcceptedBatch = z.infer<typeof acceptedBatch>;

export const partialBatch = z.object({
  job_ids: z.array(jobId),
  count,
  total_requested: count,
  message: z.string(),
  errors: z.array(z.string()),
  outcome: z.enum(['partial', 'not_enqueued', 'unknown']),
  counts: z.object({ enqueued: count, rejected: count, failed: count, unknown: count }),
  results: z.array(batchResult),
});
export type BatchResult = z.infer<typeof batchResult>;
export type PartialBatch = z.infer<typeof partialBatch>;

const lineResult = batchResult.omit({ index: true }).extend({ line: count.meta({ description: 'From 1' }) });
const streamSummary = z.object({
  summary: z.object({
    lines: count,
    enqueued: count,
    rejected: count,
    failed: count,
    unknown: count,
    completed: z.boolean().meta({ description: 'False: not all lines were read' }),
    code: z.string().optional(),
    detail: z.string().optional(),
    next_line: count.optional().meta({ description: 'The first line that was not read' }),
  }),
});
/** A line of a stream's response. */
export const streamLine = {
  description: 'NDJSON: a line for each line in their order, and a summary; without a summary the stream broke',
  content: { 'application/x-ndjson': { schema: z.union([lineResult, streamSummary]) } },
};

export const jobRecord = z.looseObject({
  job_id: jobId,
  state: z.enum(jobStates),
  operation: z.string().optional(),
  request_id: z.string().nullable().optional(),
  at: time.optional(),
  unique_key: z.string().optional().meta({ description: 'Name of the lock of a unique job' }),
  result: z.unknown().optional().meta({ description: 'Any JSON value' }),
  error: z.string().optional(),
  errtype: z.string().optional(),
  attempts: z.number().optional(),
  progress: z.object({ percent: z.number(), note: z.string().optional() }).optional(),
  enqueued_at: time.optional(),
  started_at: time.optional(),
  finished_at: time.optional(),
  tracked: z.boolean().optional().meta({ description: 'False: this service is not told how the job ended' }),
});

export const health = z.object({
  status: z.literal('healthy'),
  service: z.literal('api-service'),
  version: z.string(),
});

const check = z.object({ ok: z.boolean(), reason: z.string().optional() });
export const readiness = z.object({
  status: z.enum(['ready', 'unavailable']),
  durability: z.string().meta({ description: 'What an acknowledgement survives' }),
  keys: z.string().meta({ description: 'What the record of an Idempotency-Key survives; `none`: keys are refused' }),
  checks: z
    .object({ broker: check, accepting: check, draining: check, results: check.optional(), keys: check.optional() })
    .meta({ description: 'results and keys: where such a store is used; they count with RESULTS_REQUIRED only' }),
  worker: check.optional().meta({ description: 'The worker in this process; work is accepted without it' }),
});

export const problemBody = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.enum(Object.keys(errorTable) as ErrorCode[]),
    error: z.string(),
    outcome: z.enum(['not_enqueued', 'unknown']).optional(),
  })
  .meta({ description: 'RFC 9457 problem details' });
// The API document refers to it by this name instead of repeating it.
const problem = problemBody.meta({ id: 'Problem' });

interface DescribedResponse {
  description: string;
  content: Record<string, { schema: z.ZodType }>;
}

/** One described response for each status of these codes. */
export function problemResponses(codes: readonly ErrorCode[]): Record<number, DescribedResponse> {
  const responses: Record<number, DescribedResponse> = {};
  for (const code of codes) {
    const { status } = errorTable[code];
    const known = responses[status];
    const description = known ? `${known.description}, \`${code}\`` : `\`${code}\``;
    responses[status] = { description, content: { 'application/problem+json': { schema: problem } } };
  }
  return responses;
}

/** The body of an action whose path names everything. The body may be absent, but its content type may not. */
export const noFields = z.strictObject({}).meta({ description: 'No fields; the content type is needed' });

/** Problems that every route can have. */
export const commonProblems = [
  'bad_request',
  'expectation_failed',
  'headers_too_large',
  'internal',
] as const satisfies ErrorCode[];
export const bodyProblems = [
  ...commonProblems,
  'malformed_json',
  'request_timeout',
  'body_too_large',
  'unsupported_media_type',
  'validation_failed',
  'broker_unavailable',
  'overloaded',
  'shutting_down',
  'outcome_unknown',
  'in_progress',
  'key_reused',
  'keys_not_kept',
  'keys_unavailable',
] as const satisfies ErrorCode[];
