// The checks of the stores of results and of keys, for /ready.
import type { Clock } from './clock.ts';
import type { KeyStore } from './keys.ts';
import { checkOf, type Check } from './readiness.ts';
import type { ResultStore } from './results.ts';
import { createServerCheck } from './server-check.ts';

export interface StoreChecksOptions {
  clock: Clock;
  results: Pick<ResultStore, 'check'> | undefined;
  keys: Pick<KeyStore, 'check'> | undefined;
}

/** The names of these checks in the report. They do not count unless RESULTS_REQUIRED is on. */
export const storeChecks = ['results', 'keys'] as const;

/** A check of results is a synced write. It is made once in this time, however many probes ask. */
const maxAgeMs = 5000;

/** Makes the checks of the stores that this process has. */
export function createStoreChecks({ clock, results, keys }: StoreChecksOptions): () => Promise<Record<string, Check>> {
  const checks = new Map<string, () => Promise<string | undefined>>();
  if (results)
    checks.set(
      'results',
      createServerCheck({ clock, name: 'the store of results', ask: () => results.check(), maxAgeMs }),
    );
  if (keys)
    checks.set('keys', createServerCheck({ clock, name: 'the store of keys', ask: () => keys.check(), maxAgeMs }));
  return async () =>
    Object.fromEntries(
      await Promise.all([...checks].map(async ([name, check]) => [name, checkOf(await check())] as const)),
    );
}
