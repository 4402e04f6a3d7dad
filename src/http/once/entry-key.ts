// Reads `key` of an explicit entry.
import { digestOf, type Digest } from '../../domain/digest.ts';
import type { Job } from '../../domain/job.ts';
import { isExplicit } from '../entries/explicit-form.ts';
import type { BatchResult } from '../routes/schemas.ts';
import { keyPattern } from './idempotency-key.ts';

export interface EntryKey {
  readonly key: string;
  /** SHA-256 of the entry's JSON. */
  readonly fingerprint: Digest;
}

export interface KeyedEntry extends EntryKey {
  readonly index: number;
  /** Undefined: the entry was rejected. An earlier entry with the key may have been accepted. */
  readonly job: Job | undefined;
}

/** An entry whose key was sent before, with the result of the earlier entry. */
export interface FoundEntry {
  readonly result: BatchResult;
  /** One sentence for the response's `errors`; undefined where the entry is enqueued. */
  readonly error?: string;
}

export const keyBesideHeader = { path: ['key'], message: 'cannot go with the header Idempotency-Key' };

/** Undefined: the entry has no valid key. */
export function readEntryKey(entry: unknown): EntryKey | undefined {
  if (typeof entry !== 'object' || entry === null || !('key' in entry)) return undefined;
  const { key } = entry;
  if (typeof key !== 'string' || !keyPattern.test(key) || !isExplicit({ ...entry })) return undefined;
  return { key, fingerprint: digestOf(JSON.stringify(entry)) };
}
