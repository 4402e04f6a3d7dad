// The conservation checker: what was offered, what callers were told, what the broker stored, and every way in which these
// may not differ (Jepsen's total-queue, with a set of its own for definite refusals). Knows nothing of how the client works.
import type { Job } from '../../src/domain/job.ts';
import type { Outcome } from '../../src/domain/producer.ts';

export interface Violation {
  name: string;
  detail: string;
}

interface JobEntry {
  job: Job;
  outcome: Outcome | undefined;
  /** Announced by the client as about to be written. */
  remembered: number;
  /** Given to a socket. */
  writes: number;
  /** Stored copies. */
  copies: number;
  /** The broker's positive reply for this job has reached the client's socket. */
  isPositive: boolean;
  /** The broker's own driver may have stored it twice. */
  mayBeDoubled: boolean;
}

export interface Request {
  readonly id: number;
  readonly jobs: readonly Job[];
  readonly deadlineMs: number;
  hasOutcomes: boolean;
  /** Jobs and bytes that waited or were in flight when it came. */
  readonly before: { jobs: number; bytes: number };
  readonly bytes: number;
}

export interface LedgerOptions {
  now: () => number;
  fail: (name: string, detail: string) => void;
  count: (name: string, by?: number) => void;
  pendingJobsMax: number;
  pendingBytesMax: number;
  /** Whether jobs may be turned away because others wait, below the limits too. */
  turnsAwaySlow: boolean;
  /** How long the process under test stood still in all. */
  frozenMs: number;
}

/** Contract 1.5. */
const lateMsMax = 250;

/** How the details begin of replies that must not be missing from a long run. */
const tellingDetails = [
  ['connection to the broker lost before sending', 'refused: unsent write'],
  ['no connection to the broker had room', 'refused: waited too long'],
  ['no reply from the broker in time', 'unknown: deadline'],
] as const;

export type Ledger = ReturnType<typeof createLedger>;

export function createLedger(options: LedgerOptions) {
  const { now, fail, count, pendingJobsMax, pendingBytesMax, frozenMs } = options;
  const entries = new Map<string, JobEntry>();
  const requests: Request[] = [];
  let pendingJobs = 0;
  let pendingBytes = 0;

  function entryOf(jid: string, where: string): JobEntry | undefined {
    const entry = entries.get(jid);
    if (entry === undefined) fail('invented', `${jid} in ${where} was never offered`);
    return entry;
  }

  function checkOutcome({ job, outcome, writes, isPositive, copies }: JobEntry, request: Request): void {
    if (outcome?.kind === 'enqueued') {
      if (copies === 0) fail('false yes', `${job.jid} answered as enqueued, and not stored`);
      if (!isPositive) fail('false yes', `${job.jid} answered as enqueued before the broker's positive reply for it`);
    } else if (outcome?.kind === 'unknown') {
      if (writes === 0) fail('false unknown', `${job.jid} answered as unknown, and was never written`);
    } else if (outcome?.kind === 'refused') {
      if (copies > 0) fail('ghost', `${job.jid} refused (${outcome.detail}), and stored`);
      const named = /j\d{7}/.exec(outcome.detail)?.[0];
      if (named !== undefined && named !== job.jid) fail('cross-talk', `${job.jid} got the reply for ${named}`);
      const { jobs, bytes } = request.before;
      const hadRoom = jobs + request.jobs.length <= pendingJobsMax && bytes + request.bytes <= pendingBytesMax;
      const isSlow = options.turnsAwaySlow && jobs > 0;
      if (outcome.code === 'overloaded' && hadRoom && !isSlow)
        fail('needless refusal', `overloaded at ${jobs} jobs, ${bytes} bytes`);
    } else {
      fail('no outcome', `${job.jid} answered with ${JSON.stringify(outcome)}`);
    }
  }

  function countOutcome(outcome: Outcome): void {
    count(outcome.kind);
    if (outcome.kind === 'refused') count(`refused: ${outcome.code}`);
    if (outcome.kind === 'enqueued') return;
    for (const [text, name] of tellingDetails) if (outcome.detail.startsWith(text)) count(name);
  }

  return {
    get requests(): readonly Request[] {
      return requests;
    },
    offer(jobs: readonly Job[], deadlineMs: number): Request {
      const bytes = jobs.reduce((sum, job) => sum + job.encodedBytes, 0);
      const before = { jobs: pendingJobs, bytes: pendingBytes };
      const request: Request = { id: requests.length, jobs, deadlineMs, hasOutcomes: false, before, bytes };
      for (const job of jobs) {
        if (job.encodedBytes !== Buffer.byteLength(job.encoded))
          fail('wrong length', `${job.jid}: ${job.encodedBytes}`);
        entries.set(job.jid, {
          job,
          outcome: undefined,
          remembered: 0,
          writes: 0,
          copies: 0,
          isPositive: false,
          mayBeDoubled: false,
        });
      }
      requests.push(request);
      pendingJobs += jobs.length;
      pendingBytes += bytes;
      return request;
    },

    settle(request: Request, outcomes: readonly Outcome[]): void {
      if (request.hasOutcomes) fail('answered twice', `request ${request.id}`);
      request.hasOutcomes = true;
      pendingJobs -= request.jobs.length;
      pendingBytes -= request.bytes;
      if (outcomes.length !== request.jobs.length)
        fail('no outcome', `${outcomes.length} outcomes of ${request.jobs.length} jobs`);
      const lateMs = now() - request.deadlineMs;
      if (lateMs > lateMsMax + frozenMs) fail('late', `request ${request.id} by ${Math.round(lateMs)} ms`);
      request.jobs.forEach((job, index) => {
        const entry = entries.get(job.jid) as JobEntry;
        entry.outcome = outcomes[index];
        checkOutcome(entry, request);
        const { outcome } = entry;
        if (outcome) countOutcome(outcome);
      });
    },

    /** The client says that it is about to write the job. */
    remember(jid: string): void {
      const entry = entryOf(jid, 'the memory');
      if (entry) entry.remembered++;
    },

    /** The client gave a line to a socket. */
    write(jid: string): void {
      const entry = entryOf(jid, 'a write');
      if (entry === undefined) return;
      if (++entry.writes > 1) fail('pushed again', `${jid} was written twice`);
      if (entry.remembered !== 1) fail('not remembered', `${jid} was announced ${entry.remembered} times at its write`);
      if (entry.outcome) fail('written after the outcome', `${jid}, answered as ${entry.outcome.kind}`);
    },

    /** A complete line reached the broker: true when it is exactly the frame of these jobs. */
    checkFrame(line: string, jids: readonly string[]): void {
      const encoded = jids.map((jid) => entryOf(jid, 'a frame')?.job.encoded);
      if (line !== `PUSHB [${encoded.join(',')}]`)
        fail('invented', `a frame differs from its jobs: ${line.slice(0, 200)}`);
      if (new Set(jids).size !== jids.length) fail('invented', `one jid twice in a frame`);
    },

    store(jid: string, copies: number): void {
      const entry = entryOf(jid, 'the store');
      if (entry === undefined) return;
      entry.copies += copies;
      if (copies > 1) entry.mayBeDoubled = true;
      if (entry.copies > 1 && !entry.mayBeDoubled) fail('duplicated', `${jid} is stored ${entry.copies} times`);
      if (entry.outcome?.kind === 'refused')
        fail('ghost', `${jid} refused (${entry.outcome.detail}), and stored later`);
      if (entry.outcome?.kind === 'unknown') count('unknown, and stored');
    },

    positive(jids: readonly string[]): void {
      for (const jid of jids) (entries.get(jid) as JobEntry).isPositive = true;
    },

    /** Between two events, when all promises have settled. */
    checkLimits(): void {
      if (pendingJobs > pendingJobsMax) fail('limit exceeded', `${pendingJobs} jobs of ${pendingJobsMax}`);
      if (pendingBytes > pendingBytesMax) fail('limit exceeded', `${pendingBytes} bytes of ${pendingBytesMax}`);
    },

    /** When everything has come to rest. */
    checkEnd(isCalm: boolean): void {
      for (const request of requests) if (!request.hasOutcomes) fail('never answered', `request ${request.id}`);
      for (const { job, outcome, copies } of entries.values()) {
        if (outcome?.kind === 'enqueued' && copies === 0) fail('lost', job.jid);
        if (outcome?.kind === 'refused' && copies > 0) fail('ghost', job.jid);
        if (outcome?.kind === 'unknown' && copies === 0) count('unknown, and not stored');
        if (isCalm && outcome?.kind !== 'enqueued') fail('refused without a fault', `${job.jid}: ${outcome?.kind}`);
      }
    },
  };
}
