// An all-in-one whose worker finds no jobs, with a counter of the jobs in its broker.
import { useFaktoryCounter, type Counter } from '../harness/counts.ts';
import type { Scope } from '../harness/scope.ts';
import { startAllInOne, type HttpServer } from './service.ts';

export interface IdleAllInOne {
  service: HttpServer;
  counter: Counter;
}

export async function startIdleAllInOne(scope: Scope, env: Record<string, string> = {}): Promise<IdleAllInOne> {
  const service = await startAllInOne(scope, { queues: 'idle', env });
  return { service, counter: await useFaktoryCounter(scope, service.brokerPort) };
}
