// The client of the HTTP API: typed from the definitions of jobs, and a job is enqueued once although its request is sent
// again (docs/client.md).
import { enqueueAll, type BatchResult } from './batch.ts';
import type { AnyDefinitions, ArgsOf, Definitions, Entry, JobOptions, OperationOf } from './definitions.ts';
import { checkKey, writeEntry } from './entries.ts';
import { WorkFactoryError } from './error.ts';
import { createJobQueries, type Cancelled, type Job } from './job.ts';
import { createSender } from './sender.ts';
import { startStream, type StreamOptions, type StreamReports } from './stream.ts';
import { systemSurroundings, type Fetch, type Surroundings } from './surroundings.ts';

export interface ClientOptions {
  /** For example `http://127.0.0.1:3000`. */
  readonly url: string;
  readonly apiKey?: string | undefined;
  /** Ends all requests. */
  readonly signal?: AbortSignal | undefined;
  /** For each request with all its attempts; default 60,000. A batch that is cut is several requests. */
  readonly timeoutMs?: number;
  /** For one attempt; default 30,000. The service responds within its ENQUEUE_TIMEOUT_MS, 20,000 by default. */
  readonly attemptTimeoutMs?: number;
  /** Entries of one request of a batch, where the service's BATCH_MAX_JOBS is not 1,000. */
  readonly batchJobsMax?: number;
  /** Bytes of one request of a batch, where the service's BATCH_BODY_BYTES_MAX is not 524,288. */
  readonly batchBytesMax?: number;
  /** False: when the service has never responded and cannot be reached, the client gives up at once. Default: true. */
  readonly waitsForService?: boolean;
  /** In place of the global `fetch`. */
  readonly fetch?: Fetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface WaitOptions extends CallOptions {
  /** Default 60,000. */
  readonly timeoutMs?: number;
}

export interface Enqueued {
  readonly jobId: string;
  readonly message: string;
  /** When the job will be queued. */
  readonly at?: string;
  /** The job is an earlier one, which is like this one and has not ended. */
  readonly duplicate?: true;
  /** The response is that of an earlier request with the same key. */
  readonly replayed?: true;
}

export interface Client<Map extends Definitions<Map>> {
  /** Resolves when the job is stored. Rejects with a WorkFactoryError, whose `outcome` says whether the job may be stored. */
  enqueue<Name extends OperationOf<Map>>(
    operation: Name,
    args: ArgsOf<Map>[Name],
    options?: JobOptions & CallOptions,
  ): Promise<Enqueued>;
  /** Resolves with one result for each entry; a failure is a value here, because other entries may be stored. */
  enqueueBatch(entries: Iterable<Entry<Map>>, options?: CallOptions): Promise<BatchResult>;
  /**
   * Posts any number of entries, as fast as the service takes them: `source` is asked for more only when more can be sent. A
   * text is sent unchanged as one line of NDJSON. Reports come in the order of the lines, which are numbered from 1.
   */
  stream(
    source: AsyncIterable<Entry<Map> | string> | Iterable<Entry<Map> | string>,
    options?: StreamOptions,
  ): StreamReports;
  /** Undefined: the job is not known here, which does not say that it is not stored. */
  get(jobId: string, options?: CallOptions): Promise<Job | undefined>;
  /** Resolves when the job has ended, or with its state when the time is over. */
  wait(jobId: string, options?: WaitOptions): Promise<Job | undefined>;
  /** A job that has started is not cancelled. */
  cancel(jobId: string, options?: CallOptions): Promise<Cancelled>;
}

/** @param surroundings time and randomness, which tests replace */
export function createClient<Map extends Definitions<Map> = AnyDefinitions>(
  options: ClientOptions,
  surroundings: Surroundings = systemSurroundings,
): Client<Map> {
  const { url, apiKey, signal: endSignal, timeoutMs = 60_000, attemptTimeoutMs = 30_000 } = options;
  const { batchJobsMax = 1000, batchBytesMax = 524_288, fetch = globalThis.fetch, waitsForService = true } = options;
  const createKey = (): string => crypto.randomUUID();
  const sender = createSender({
    ...{ url, apiKey, fetch, surroundings, attemptTimeoutMs, waitsForService },
    signal: endSignal,
  });
  const jobs = createJobQueries(sender, surroundings, timeoutMs);
  const limits = { jobs: batchJobsMax, bytes: batchBytesMax };
  const batchOptions = { sender, surroundings, limits, timeoutMs, createKey };

  return {
    async enqueue(operation, args, { signal, key: own, ...jobOptions } = {}) {
      const body = writeEntry({ operation, args }, jobOptions);
      const key =
        own === undefined
          ? ({ kind: 'made', value: createKey() } as const)
          : ({ kind: 'own', value: checkKey(own) } as const);
      const deadlineMs = surroundings.now() + timeoutMs;
      const response = await sender.send({ method: 'POST', path: '/jobs', body, key, deadlineMs, signal });
      const { job_id: jobId, message, at, duplicate } = response.body;
      if (typeof jobId !== 'string') throw notOurs(response.status);
      return {
        jobId,
        message: String(message),
        ...(typeof at === 'string' && { at }),
        ...(duplicate === true && { duplicate }),
        ...(response.isReplayed && { replayed: true as const }),
      };
    },
    enqueueBatch: (entries, { signal } = {}) => enqueueAll(entries, batchOptions, signal),
    stream: (source, streamOptions = {}) =>
      startStream(source, streamOptions, {
        ...{ sender, fetch, surroundings, url, apiKey, timeoutMs, attemptTimeoutMs, waitsForService },
        signal: endSignal,
      }),
    get: (jobId, { signal } = {}) => jobs.get(jobId, signal),
    wait: (jobId, { timeoutMs: waitMs = 60_000, signal } = {}) => jobs.wait(jobId, waitMs, signal),
    cancel: (jobId, { signal } = {}) => jobs.cancel(jobId, signal),
  };
}

const notOurs = (status: number): WorkFactoryError =>
  new WorkFactoryError({
    outcome: 'unknown',
    code: 'unexpected_response',
    detail: `HTTP ${status} without the id of a job`,
    status,
    attempts: 1,
  });
