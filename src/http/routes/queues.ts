// GET /queues: what waits, for how long, and what is paused.
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import type { Operator } from '../../domain/operator.ts';
import { answered, operatorProblems, queueList } from './operator-answers.ts';
import { problemResponses } from './schemas.ts';

export interface OperatorRouteOptions {
  operator: Operator;
  /** Asks for a key of an operator. */
  protect: readonly onRequestHookHandler[];
}

const byName = (one: { name: string }, other: { name: string }): number =>
  one.name < other.name ? -1 : Number(one.name > other.name);

export function registerQueues(app: FastifyInstance, { operator, protect }: OperatorRouteOptions): void {
  const schema = {
    summary: 'Queues, their depth and latency',
    response: { 200: queueList, ...problemResponses(operatorProblems) },
  };
  app.get('/queues', { schema, onRequest: [...protect] }, async (_request, reply) => {
    const queues = await answered(operator.queues());
    reply.header('cache-control', 'no-store');
    return {
      queues: [...queues].sort(byName).map(({ name, depth, latencySeconds, isPaused }) => ({
        name,
        depth,
        latency_seconds: latencySeconds,
        paused: isPaused,
      })),
    };
  });
}
