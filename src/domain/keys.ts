// Idempotency keys: a caller's key, the digest of its request, and the response. The stores of keys are in src/roles (embedded)
// and src/keys (Redis); docs/decisions/0022-idempotency-keys.md says why they differ.
import type { Digest } from './digest.ts';
import type { Job } from './job.ts';
import type { Outcome } from './producer.ts';

/** The response to the first request, and to every repetition of it. */
export interface KeptResponse {
  /** 202 or 206. */
  readonly status: number;
  /** JSON. */
  readonly body: string;
}

/** The record of a lock names the job that has it. */
export const lockResponse = (jid: string): KeptResponse => ({ status: 202, body: JSON.stringify({ job_id: jid }) });
export const lockHolder = ({ body }: KeptResponse): string => (JSON.parse(body) as { job_id: string }).job_id;

export interface Claim {
  /** SHA-256 of the key and its scope. */
  readonly id: Digest;
  /** SHA-256 of the request's body, or of the entry. */
  readonly fingerprint: Digest;
  /** The jids of the jobs that will be pushed. Without a jid the key is looked up and not claimed. */
  readonly jids: readonly string[];
  /** The response when the broker has stored all jobs. */
  readonly response: KeptResponse;
  /**
   * For the lock of a unique job and for a tick: how long it is kept. The end of a job frees the lock that `custom.unique_key`
   * names. A tick has no such name.
   */
  readonly lockMs?: number | undefined;
}

const noFingerprint: Digest = '\0'.repeat(32);

/** The claim for the lock of a unique job, or for the key of a tick. */
export const lockOf = (id: Digest, jid: string, lockMs: number): Claim => ({
  id,
  fingerprint: noFingerprint,
  jids: [jid],
  response: lockResponse(jid),
  lockMs,
});

/** Frees the lock of a job that has ended, by the name in `custom.unique_key`. A later job's lock stays. */
export async function unlock(keys: KeyStore, name: string, jid: string): Promise<void> {
  if (!/^[A-Za-z0-9_-]{43}$/.test(name)) return;
  await keys.settle([{ claim: lockOf(Buffer.from(name, 'base64url').toString('latin1'), jid, 1), outcome: 'refused' }]);
}

/**
 * - `claimed`: the caller pushes its jobs, and settles the claim.
 * - `absent`: the key was only looked up, and there is no record.
 * - `done`: the response of an earlier request is kept.
 * - `in_progress`: another request with the key is under way.
 * - `unknown`: it is not known whether the jobs of an earlier request are stored; `response` is right if they are.
 * - `reused`: an earlier request with the key asked for something else.
 */
export type Verdict =
  | { readonly state: 'claimed' }
  | { readonly state: 'absent' }
  | { readonly state: 'reused' }
  | { readonly state: 'done'; readonly response: KeptResponse }
  | { readonly state: 'in_progress'; readonly jids: readonly string[] }
  | { readonly state: 'unknown'; readonly jids: readonly string[]; readonly response: KeptResponse };

/** The outcome of a request or an entry with a key, a label of metrics. `claimed`: it was the first. */
export const keyOutcomes = ['claimed', 'replayed', 'in_progress', 'unknown', 'reused', 'unavailable'] as const;
export type KeyOutcome = (typeof keyOutcomes)[number];

/** How a claim ended. `refused`: none of its jobs is stored, nor will be, and the key is free again. */
export interface Settlement {
  readonly claim: Claim;
  readonly outcome: 'done' | 'unknown' | 'refused';
  /** Replaces the response of the claim. With `unknown`: the response if its jobs are stored. */
  readonly response?: KeptResponse;
  /** With `unknown`, when it concerns only some of the claim's jobs: their jids. */
  readonly jids?: readonly string[];
}

/** The settlement of a claim by the outcome of its job. */
export const settledAs = { enqueued: 'done', refused: 'refused', unknown: 'unknown' } as const satisfies Record<
  Outcome['kind'],
  Settlement['outcome']
>;

/** Added to the time in which a response is sent. An older claim belongs to a process that is gone. */
export const underWayMarginMs = 5000;

export interface KeyStore {
  /** What a key survives. */
  readonly durability: string;
  /**
   * One verdict for each claim, in their order. Of two claims with one id, the second meets the first. Rejects with a
   * KeyStoreError; then nothing was claimed. Returns no promise when nothing has to be read.
   */
  claim(claims: readonly Claim[]): Promise<readonly Verdict[]> | readonly Verdict[];
  /**
   * Call it before the jobs are pushed, so that a broker in this process stores the record with them.
   *
   * @param responseOf makes the response from the outcomes, as far as they are known before the write; undefined when nothing is
   *   to be kept
   */
  attach(
    claim: Claim,
    jobs: readonly Job[],
    responseOf: (outcomes: readonly Outcome[]) => KeptResponse | undefined,
  ): void;
  /**
   * Never rejects: a settlement that the store does not take is sent again. Resolves when the store has replied. Undefined: there
   * is nothing to wait for.
   */
  settle(settlements: readonly Settlement[]): Promise<void> | undefined;
  /** Rejects when `claim` would. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** `unkept`: this store is not fit for keys until its operator changes it. `away` and `full` may pass by themselves. */
export class KeyStoreError extends Error {
  readonly reason: 'away' | 'full' | 'unkept';

  constructor(reason: KeyStoreError['reason'], message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
