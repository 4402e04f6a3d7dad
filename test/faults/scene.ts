// A real Faktory, our API process in front of it, and callers who write down what they were told.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { startFaktory, type FaktoryOptions, type RealFaktory } from '../helpers/real-faktory.ts';
import { startService, type Service } from '../helpers/service.ts';
import { checkConservation, violationsOf, type Facts, type Findings } from './conservation.ts';
import { createCallers, type Callers } from './crowd.ts';
import { explicitEnv } from './explicit.ts';
import { storedIn } from './seen.ts';

export interface Scene {
  faktory: RealFaktory;
  api: Service;
  url: string;
  callers: Callers;
  /** Of the API, for a worker beside it. */
  env: Record<string, string>;
}

export async function setUpScene(
  t: TestContext,
  options: FaktoryOptions = {},
  more: Record<string, string> = {},
): Promise<Scene> {
  const faktory = await startFaktory(t, options);
  const env = { FAKTORY_URL: faktory.url, SHUTDOWN_DRAIN_DELAY_MS: '0', ...explicitEnv, ...more };
  const api = startService(t, env, 'api');
  const url = await api.url();
  // Where results are kept a worker is to run all that is stored, and nobody runs what is passed through.
  const takesExplicit = more['RESULTS_URL'] === undefined;
  return { faktory, api, url, callers: createCallers(url, takesExplicit), env };
}

/** What is known when no worker has run anything. */
export async function factsOf({ callers, faktory }: Scene, stalls: Facts['stalls'] = []): Promise<Facts> {
  return { offered: callers.offered, stored: await storedIn(faktory), run: [], stalls };
}

export function assertConserved(facts: Facts): Findings {
  const findings = checkConservation(facts);
  assert.deepEqual(violationsOf(findings), {});
  return findings;
}
