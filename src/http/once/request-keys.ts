// The store of keys for requests: its failures become responses, and its verdicts are counted.
import type { FastifyRequest } from 'fastify';
import { KeyStoreError, type Claim, type KeyOutcome, type KeyStore } from '../../domain/keys.ts';
import { isEnded, type JobRecord, type ResultStore } from '../../domain/results.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { AppError } from '../problems/errors.ts';
import { callerOf } from './idempotency-key.ts';

export interface RequestKeysOptions {
  /** Undefined when this deployment keeps no keys. */
  keys: KeyStore | undefined;
  results: Pick<ResultStore, 'get'> | undefined;
  metrics: Pick<Metrics, 'key'>;
}

export interface RequestKeys {
  readonly store: KeyStore | undefined;
  /** Claims keys for a request. Rejects with the failure that is sent to the caller. */
  claim(request: FastifyRequest, claims: readonly Claim[]): ReturnType<KeyStore['claim']>;
  /** True when records show that a worker has had all these jobs, whose outcome was unknown: then they were stored. */
  areStored(jids: readonly string[]): Promise<boolean>;
  count(request: FastifyRequest, outcome: KeyOutcome, jids: readonly string[]): void;
}

/** The most records that are read at once. The first record without a sign of a worker ends the search. */
const readAtOnce = 50;
/** Only a worker writes these fields. A record alone may belong to a job that was not stored. */
const wasSeen = (record: JobRecord | undefined): boolean =>
  isEnded(record) || record?.started_at !== undefined || record?.attempts !== undefined;

const notKept = (message: string): AppError => new AppError('keys_not_kept', message);

export function createRequestKeys({ keys, results, metrics }: RequestKeysOptions): RequestKeys {
  function failureOf(request: FastifyRequest, error: unknown): Error {
    metrics.key('unavailable');
    if (!(error instanceof KeyStoreError)) return error as Error;
    // src/roles/measured-stores.ts warns once for all requests.
    request.log.debug({ err: error, request_id: request.id }, 'the store of keys took no key');
    if (error.reason === 'unkept') return notKept(error.message);
    const why = error.reason === 'full' ? 'is full' : 'does not answer';
    return new AppError('keys_unavailable', `The store of keys ${why}: nothing was enqueued`);
  }

  return {
    store: keys,
    claim(request, claims) {
      if (keys === undefined) return Promise.reject(notKept('This deployment keeps no keys: KEYS_URL is not set'));
      const verdicts = keys.claim(claims);
      if (!(verdicts instanceof Promise)) return verdicts;
      return verdicts.catch((error: unknown) => Promise.reject(failureOf(request, error)));
    },
    async areStored(jids) {
      if (results === undefined || jids.length === 0) return false;
      for (let start = 0; start < jids.length; start += readAtOnce) {
        const read = jids.slice(start, start + readAtOnce).map((jid) => results.get(jid));
        const records = await Promise.all(read).catch(() => [undefined]);
        if (!records.every(wasSeen)) return false;
      }
      return true;
    },
    count(request, outcome, jids) {
      metrics.key(outcome);
      if (outcome === 'claimed') return;
      const fields = { request_id: request.id, caller: callerOf(request), jid: jids[0] };
      if (outcome === 'reused') request.log.warn(fields, 'a key was sent again with another body');
      else request.log.info(fields, `a key was sent again: ${outcome.replace('_', ' ')}`);
    },
  };
}
