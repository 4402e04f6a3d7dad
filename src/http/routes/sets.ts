// GET /sets/{set}: the jobs that are scheduled, wait for another attempt, or are dead, page by page.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { setNames } from '../../domain/operator.ts';
import { setPageJobs } from '../limits.ts';
import { invalid } from '../problems/violations.ts';
import { withProblems, jobIn, operatorProblems, readSetName, setPage } from './operator-responses.ts';
import type { OperatorRouteOptions } from './operator-action.ts';
import { problemResponses } from './schemas.ts';
import { registerSetActions } from './set-actions.ts';

const query = z.strictObject({
  limit: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(setPageJobs.max, `must be at most ${setPageJobs.max}`)
    .default(setPageJobs.default),
  cursor: z.string('must be given once').max(40, 'must be the cursor of another page').optional(),
  jobtype: z.string('must be given once').min(1, 'must not be empty').max(1000, 'is too long').optional(),
});

export function registerSets(app: FastifyInstance, options: OperatorRouteOptions): void {
  const { operator, protect } = options;
  const schema = {
    summary: 'Jobs that are scheduled, to be retried, or dead',
    params: z.object({ set: z.enum(setNames) }),
    querystring: query,
    response: { 200: setPage, ...problemResponses([...operatorProblems, 'not_found', 'validation_failed']) },
  };
  app.get('/sets/:set', { schema, onRequest: [...protect] }, async (request, reply) => {
    const set = readSetName(request.params);
    const { success, data, error } = query.safeParse(request.query);
    if (!success) throw invalid(error.issues);
    const { limit, cursor = '', jobtype } = data;
    const page = await withProblems(operator.page({ set, limit, cursor: cursor === '' ? undefined : cursor, jobtype }));
    reply.header('cache-control', 'no-store');
    return { set, total: page.total, jobs: page.jobs.map(jobIn), cursor: page.cursor ?? null };
  });
  registerSetActions(app, options);
}
