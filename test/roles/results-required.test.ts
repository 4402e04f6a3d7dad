// RESULTS_REQUIRED without a store of results.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '../../src/config/load.ts';
import { openRedisResults } from '../../src/roles/redis-stores.ts';
import { RoleError, type RoleContext } from '../../src/roles/role.ts';

const contextOf = (env: Record<string, string>): RoleContext => ({
  config: loadConfig(env),
  fromFile: [],
  log: pino({ level: 'silent' }),
  version: '1',
  lostLogLines: () => 0,
  troubles: () => [],
  fail: () => undefined,
  member: undefined,
  onRestart: () => undefined,
});

it('stops the start of a process that needs RESULTS_URL and has none, and no other', () => {
  const FAKTORY_URL = 'tcp://127.0.0.1:7419';
  const isRefused = (error: unknown): boolean => error instanceof RoleError && /set RESULTS_URL/.test(error.message);
  assert.throws(() => openRedisResults(contextOf({ FAKTORY_URL, RESULTS_REQUIRED: 'on' })), isRefused);
  assert.equal(openRedisResults(contextOf({ FAKTORY_URL })), undefined);
  // The all-in-one keeps its own.
  assert.equal(openRedisResults(contextOf({ RESULTS_REQUIRED: 'on' })), undefined);
});
