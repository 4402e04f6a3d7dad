// GET /health, /ready, /metrics: for operators. /health never asks the broker. /ready names the failed check, and the
// crash that an acknowledged job survives.
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../domain/clock.ts';
import type { KeyStore } from '../../domain/keys.ts';
import type { ResultStore } from '../../domain/results.ts';
import type { JobProducer } from '../../domain/producer.ts';
import { checkOf, reportOf, type Readiness } from '../../domain/readiness.ts';
import { createStoreChecks, storeChecks } from '../../domain/store-checks.ts';
import { createServerCheck } from '../../domain/server-check.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { replaced } from '../server/drain.ts';
import type { EventLoopLag } from '../plugins/event-loop-lag.ts';
import { commonProblems, health, problemResponses, readiness } from './schemas.ts';

export interface ProbesOptions {
  producer: JobProducer;
  metrics: Metrics;
  clock: Clock;
  version: string;
  /** What an acknowledgement survives: fsync, second, snapshot, memory or unknown. */
  durability: string;
  keys: KeyStore | undefined;
  results: Pick<ResultStore, 'check'> | undefined;
  /** True: the stores of results and keys count, and without them the process is not ready. */
  resultsRequired?: boolean;
  draining: AbortSignal;
  /** Why the worker of this process does not work. Absent: it has no worker. */
  workerProblem?: (() => string | undefined) | undefined;
  lag: EventLoopLag;
  /** Guards /metrics when API keys are set. */
  authenticate: readonly onRequestHookHandler[];
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The body of /ready. */
    readiness: Readiness;
  }
}

export function createReadiness(options: Omit<ProbesOptions, 'authenticate' | 'metrics' | 'version'>): Readiness {
  const { producer, clock, durability, keys, results, draining, workerProblem, lag, resultsRequired } = options;
  const weak = resultsRequired ? [] : storeChecks;
  const checkStores = createStoreChecks({ clock, results, keys });
  const checkBroker = createServerCheck({ clock, name: 'the broker', ask: () => producer.ping() });
  return async () => {
    const [broker, stores] = await Promise.all([checkBroker(), checkStores()]);
    const checks = {
      broker: checkOf(broker),
      accepting: checkOf(lag.isHigh() ? 'the event loop lags' : undefined),
      draining: checkOf(draining.aborted && draining.reason !== replaced ? 'the process is about to stop' : undefined),
      ...stores,
    };
    const report = reportOf(checks, weak, { durability, keys: keys?.durability ?? 'none' });
    // The worker does not count: jobs are stored and wait, while a service that is not ready would lose them.
    const worker = workerProblem && { worker: checkOf(workerProblem()) };
    return { ...report, body: { ...report.body, ...worker } };
  };
}

export function registerProbes(app: FastifyInstance, options: ProbesOptions): void {
  const { metrics, version, authenticate } = options;
  const problems = problemResponses(commonProblems);
  const healthSchema = { summary: 'The process lives', response: { 200: health, ...problems } };
  app.get('/health', { schema: healthSchema }, () => ({ status: 'healthy', service: 'api-service', version }));

  const readySchema = { summary: 'Work is accepted', response: { 200: readiness, ...problems, 503: readiness } };
  app.get('/ready', { schema: readySchema }, async (_request, reply) => {
    const { isReady, body } = await app.readiness();
    reply.code(isReady ? 200 : 503).header('cache-control', 'no-store');
    return body;
  });

  const metricsSchema = {
    summary: 'Prometheus metrics',
    response: { 200: { description: 'Text', content: { 'text/plain': { schema: z.string() } } }, ...problems },
  };
  app.get('/metrics', { schema: metricsSchema, onRequest: [...authenticate] }, async (_request, reply) => {
    reply.header('content-type', metrics.contentType);
    return metrics.render();
  });
}
