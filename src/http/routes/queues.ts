// GET /queues: the queues, their jobs, the age of the oldest, and whether they are paused. POST /queues/{name}/pause and /resume.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { cut } from '../problems/caller-text.ts';
import { AppError } from '../problems/errors.ts';
import { readBody } from '../problems/violations.ts';
import { createActions, type OperatorRouteOptions } from './operator-action.ts';
import { actionProblems, withProblems, operatorProblems, queueList } from './operator-responses.ts';
import { noFields, problemResponses } from './schemas.ts';

const byName = (one: { name: string }, other: { name: string }): number =>
  one.name < other.name ? -1 : Number(one.name > other.name);

export function registerQueues(app: FastifyInstance, options: OperatorRouteOptions): void {
  const { operator, protect } = options;
  const schema = {
    summary: 'Queues, their depth and latency',
    response: { 200: queueList, ...problemResponses(operatorProblems) },
  };
  app.get('/queues', { schema, onRequest: [...protect] }, async (_request, reply) => {
    const queues = await withProblems(operator.queues());
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
  registerPauses(app, options);
}

function registerPauses(app: FastifyInstance, options: OperatorRouteOptions): void {
  const actions = createActions(options);
  for (const action of ['pause', 'resume'] as const) {
    const schema = {
      summary: action === 'pause' ? 'Hand out no more jobs of a queue' : 'Hand out jobs of a queue again',
      params: z.object({ name: z.string() }),
      body: noFields,
      response: {
        200: z.object({ name: z.string(), paused: z.boolean() }),
        ...problemResponses(actionProblems),
      },
    };
    app.post(`/queues/:name/${action}`, { schema, ...actions.route }, async (request) => {
      const { name } = request.params as { name: string };
      readBody(noFields, request.body);
      const paused = action === 'pause';
      const about = { action, queue: cut(name) };
      await actions.run(request, about, async () => {
        if (!(await options.operator.setPaused(name, paused)))
          throw new AppError('not_found', `There is no queue ${cut(name)}; GET /queues lists them`);
      });
      return { name, paused };
    });
  }
}
