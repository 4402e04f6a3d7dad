// GET /health, /ready, /metrics: for whoever runs the service. Liveness never touches the broker; readiness says which
// check failed and what an acknowledgement survives.
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../domain/clock.ts';
import type { KeyStore } from '../../domain/keys.ts';
import type { JobProducer } from '../../domain/producer.ts';
import type { Metrics } from '../../metrics.ts';
import { replaced } from '../server/drain.ts';
import { createBrokerCheck } from './broker-check.ts';
import type { EventLoopLag } from '../plugins/event-loop-lag.ts';
import { commonProblems, health, problemResponses, readiness, type Readiness } from './schemas.ts';

export interface ProbesOptions {
  producer: JobProducer;
  metrics: Metrics;
  clock: Clock;
  version: string;
  /** What an acknowledgement survives: fsync, second, snapshot, memory or unknown. */
  durability: string;
  keys: KeyStore | undefined;
  draining: AbortSignal;
  /** What is wrong with the worker of this process; absent where there is none. */
  workerProblem?: (() => string | undefined) | undefined;
  lag: EventLoopLag;
  /** Guards /metrics when API keys are set. */
  authenticate: readonly onRequestHookHandler[];
}

const checkOf = (reason: string | undefined): { ok: boolean; reason?: string } =>
  reason === undefined ? { ok: true } : { ok: false, reason };

export function registerProbes(app: FastifyInstance, options: ProbesOptions): void {
  const { producer, metrics, clock, version, durability, keys, draining, workerProblem, lag, authenticate } = options;
  const problems = problemResponses(commonProblems);
  const healthSchema = { summary: 'The process lives', response: { 200: health, ...problems } };
  app.get('/health', { schema: healthSchema }, () => ({ status: 'healthy', service: 'api-service', version }));

  const checkBroker = createBrokerCheck(clock, () => producer.ping());
  const readySchema = { summary: 'Work is accepted', response: { 200: readiness, 503: readiness } };
  app.get('/ready', { schema: readySchema }, async (_request, reply): Promise<Readiness> => {
    const checks = {
      broker: checkOf(await checkBroker()),
      accepting: checkOf(lag.isHigh() ? 'the event loop lags' : undefined),
      draining: checkOf(draining.aborted && draining.reason !== replaced ? 'the process is about to stop' : undefined),
    };
    const ready = Object.values(checks).every(({ ok }) => ok);
    reply.code(ready ? 200 : 503).header('cache-control', 'no-store');
    // Jobs are stored and wait: to turn callers away would lose them.
    const worker = workerProblem && { worker: checkOf(workerProblem()) };
    const status = ready ? 'ready' : 'unavailable';
    return { status, durability, keys: keys?.durability ?? 'none', checks, ...worker };
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
