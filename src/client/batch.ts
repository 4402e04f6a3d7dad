// Any number of entries, in requests of the size that the service takes. Entries that are certainly not stored are sent again.
// Each entry gets one result, in the order of the input.
import type { ApiResponse } from './attempt.ts';
import type { JobOptions } from './definitions.ts';
import { writeEntry, type GivenJob } from './entries.ts';
import { WorkFactoryError } from './error.ts';
import type { Request, Sender } from './sender.ts';
import type { Surroundings } from './surroundings.ts';

/** `rejected`: the service will not take it. `failed`: it is certainly not stored, and may be sent again. `unknown`: neither. */
export type EntryResult = { readonly index: number } & Result;

export type Result =
  | Stored
  | { readonly status: 'rejected' | 'failed'; readonly code: string; readonly detail: string }
  | { readonly status: 'unknown'; readonly jobId?: string; readonly code: string; readonly detail: string };

interface Stored {
  readonly status: 'enqueued';
  readonly jobId: string;
  readonly at?: string;
  /** The job is an earlier one, which is like this one and has not ended. */
  readonly duplicate?: true;
  /** It had been enqueued before. */
  readonly replayed?: true;
}

export interface BatchResult {
  /** Ids of the enqueued jobs, in the order of the entries. */
  readonly jobIds: readonly string[];
  /** One for each entry, in their order. */
  readonly results: readonly EntryResult[];
}

/** The limits of one request. They shrink when the service says that it takes less. */
export interface BatchLimits {
  jobs: number;
  bytes: number;
}

export interface BatchOptions {
  readonly sender: Sender;
  readonly surroundings: Pick<Surroundings, 'now'>;
  readonly limits: BatchLimits;
  readonly timeoutMs: number;
  readonly createKey: () => string;
}

/** An entry on its way. */
interface WrittenEntry {
  readonly json: string;
  readonly bytes: number;
  result: Result | undefined;
}

type BatchEntry = GivenJob & JobOptions;

const encoder = new TextEncoder();
const opening = '{"jobs":[';
const closing = ']}';

/** How often the failed entries of a batch that was stored in part are sent again. */
const roundsMax = 20;

export async function enqueueAll(
  given: Iterable<BatchEntry>,
  options: BatchOptions,
  signal: AbortSignal | undefined,
): Promise<BatchResult> {
  const jobs = [...given];
  // The service refuses an Idempotency-Key beside keys of entries. So when one entry has a key, every entry gets one.
  const areKeyed = jobs.some(({ key }) => key !== undefined);
  const entries = jobs.map((entry) => writeGiven(entry, areKeyed ? (entry.key ?? options.createKey()) : undefined));
  const open = entries.filter(({ result }) => result === undefined);
  let ended: WorkFactoryError | undefined;
  for (let start = 0; start < open.length && !ended;) {
    const chunk = cut(open, start, options.limits);
    ended = await sendChunk(chunk, areKeyed, options, signal);
    const isToBeCut = ended !== undefined && learn(options.limits, chunk, ended);
    if (isToBeCut || (ended && concernsEntries(chunk, ended))) ended = undefined;
    if (!isToBeCut) start += chunk.length;
  }
  return summarize(entries, ended);
}

function writeGiven(entry: BatchEntry, key: string | undefined): WrittenEntry {
  try {
    const json = writeEntry(entry, entry, key);
    return { json, bytes: encoder.encode(json).length, result: undefined };
  } catch (error) {
    const { code, detail } = error as WorkFactoryError;
    return { json: '', bytes: 0, result: { status: 'rejected', code, detail } };
  }
}

/** Takes at least one entry, however large it is. */
function cut(entries: readonly WrittenEntry[], start: number, limits: BatchLimits): WrittenEntry[] {
  let end = start;
  let bytes = opening.length + closing.length;
  while (end < entries.length && end - start < limits.jobs) {
    bytes += (entries[end] as WrittenEntry).bytes + 1;
    if (bytes > limits.bytes && end > start) break;
    end++;
  }
  return entries.slice(start, end);
}

/** True when the chunk may be sent in smaller ones. */
function learn(
  limits: BatchLimits,
  chunk: readonly WrittenEntry[],
  { status, outcome, problem }: WorkFactoryError,
): boolean {
  if (status !== 413 || outcome !== 'not_enqueued' || chunk.length === 1) return false;
  // When the service has stored a part of the chunk, nothing of it may be sent twice.
  if (chunk.some(({ result }) => result?.status !== 'rejected')) return false;
  const { limit_jobs: jobs, limit_bytes: bytes } = problem ?? {};
  const sent = chunk.reduce((sum, entry) => sum + entry.bytes, 0);
  if (typeof jobs === 'number') limits.jobs = smaller(jobs, chunk.length);
  else limits.bytes = smaller(typeof bytes === 'number' ? bytes : Infinity, sent);
  for (const entry of chunk) entry.result = undefined;
  return true;
}

/** The next limit is always below the size that was sent, so that cutting comes to an end. */
const smaller = (limit: number, sent: number): number => Math.max(1, limit < sent ? limit : Math.floor(sent / 2));

/** True when these entries are not valid, or an entry is too large: the service may take other entries. */
const concernsEntries = (chunk: readonly WrittenEntry[], { status, problem }: WorkFactoryError): boolean =>
  chunk.every(({ result }) => result?.status === 'rejected') &&
  (problem?.['results'] !== undefined || (status === 413 && chunk.length === 1));

/** Gives each entry its result; returns the failure after which nothing more should be sent. */
async function sendChunk(
  chunk: readonly WrittenEntry[],
  areKeyed: boolean,
  { sender, surroundings, timeoutMs, createKey }: BatchOptions,
  signal: AbortSignal | undefined,
): Promise<WorkFactoryError | undefined> {
  const deadlineMs = surroundings.now() + timeoutMs;
  let open = chunk;
  for (let round = 1; ; round++) {
    const body = opening + open.map(({ json }) => json).join(',') + closing;
    const key: Request['key'] = areKeyed ? { kind: 'in body' } : { kind: 'made', value: createKey() };
    try {
      readResults(open, await sender.send({ method: 'POST', path: '/jobs/batch', body, key, deadlineMs, signal }));
    } catch (error) {
      if (!(error instanceof WorkFactoryError)) throw error;
      readFailure(open, error);
      return error;
    }
    // An unknown entry may be sent again when it has its own key. With the key of the request the service would send the
    // same response.
    open = open.filter(({ result }) => result?.status === 'failed' || (areKeyed && result?.status === 'unknown'));
    if (open.length === 0 || round === roundsMax) return undefined;
    if (!(await sender.pauseToRepeat(sender.pauseMs(round), deadlineMs, signal))) return undefined;
  }
}

/** A result as the service writes it. */
export interface Told {
  readonly status: string;
  readonly job_id?: string;
  readonly at?: string;
  readonly duplicate?: boolean;
  readonly replayed?: boolean;
  readonly code?: string;
  readonly detail?: string;
}

function readResults(entries: readonly WrittenEntry[], { body, isReplayed }: ApiResponse): void {
  const { results, job_ids: ids } = body;
  const told = (Array.isArray(results) ? results : Array.isArray(ids) ? ids.map(toEnqueued) : []) as Told[];
  const isWhole = told.length === entries.length;
  entries.forEach((entry, index) => {
    settle(entry, isWhole ? resultOf(told[index] as Told, isReplayed) : notTold);
  });
}

const notTold: Result = {
  status: 'unknown',
  code: 'unexpected_response',
  detail: 'The response has not one result for each entry',
};

/** An unknown outcome stays unknown when a later attempt is refused: the first attempt may have stored the job. */
function settle(entry: WrittenEntry, result: Result): void {
  if (entry.result?.status === 'unknown' && result.status !== 'enqueued') return;
  entry.result = result;
}

const toEnqueued = (id: unknown): Told => ({ status: 'enqueued', job_id: String(id) });

export function resultOf(told: Told, isReplayed: boolean): Result {
  const { status, job_id: jobId, at, duplicate, replayed, code = '', detail = '' } = told;
  if (status === 'enqueued' && jobId !== undefined)
    return {
      status,
      jobId,
      ...(at !== undefined && { at }),
      ...(duplicate === true && { duplicate }),
      ...((replayed === true || isReplayed) && { replayed: true }),
    };
  if (status === 'rejected' || status === 'failed') return { status, code, detail };
  return { status: 'unknown', code, detail, ...(jobId !== undefined && { jobId }) };
}

/** This request enqueued none of the entries. */
function readFailure(entries: readonly WrittenEntry[], error: WorkFactoryError): void {
  const { outcome, code, detail, status = 0, problem, attempts } = error;
  const results = problem?.['results'];
  const told = Array.isArray(results) && results.length === entries.length ? (results as Told[]) : undefined;
  const isRefused = status >= 400 && status < 500;
  entries.forEach((entry, index) => {
    const own = told && resultOf(told[index] as Told, false);
    // An earlier attempt may have stored jobs that this attempt did not store.
    const isOpen = outcome === 'unknown' && !(own && (own.status === 'rejected' || attempts === 1));
    const ended: Result = { status: isRefused ? 'rejected' : 'failed', code, detail };
    const open: Result = own?.status === 'unknown' ? own : { status: 'unknown', code, detail };
    settle(entry, isOpen ? open : (own ?? ended));
  });
}

function summarize(entries: readonly WrittenEntry[], ended: WorkFactoryError | undefined): BatchResult {
  const notSent: Result = { status: 'failed', code: 'not_sent', detail: `Not sent after: ${ended?.detail ?? ''}` };
  const results = entries.map(({ result }, index): EntryResult => ({ index, ...(result ?? notSent) }));
  const jobIds = results.flatMap((result) => (result.status === 'enqueued' ? [result.jobId] : []));
  return { jobIds, results };
}
