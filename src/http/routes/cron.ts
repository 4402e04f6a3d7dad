// GET /cron: the schedules of the definitions, with the next and the last tick of each.
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import { z } from 'zod';
import type { CronView, ScheduleState } from '../../domain/cron.ts';
import { AppError } from '../problems/errors.ts';
import { commonProblems, problemResponses } from './schemas.ts';

export interface CronRouteOptions {
  /** Undefined: there are no schedules. */
  cron?: CronView | undefined;
  protect: readonly onRequestHookHandler[];
}

const time = z.string().meta({ description: 'RFC 3339, UTC' });

const scheduleList = z.object({
  schedules: z.array(
    z.object({
      name: z.string().meta({ description: 'The name of the job type, or TYPE:NAME where the type has a list' }),
      operation: z.string().meta({ description: 'The name of the job type' }),
      schedule: z.string().meta({ description: 'Five fields, or six with seconds first' }),
      time_zone: z.string(),
      catch_up: z.boolean().meta({ description: 'The latest tick that was missed is made up' }),
      next_at: time.nullable(),
      last: z
        .object({
          at: time.meta({ description: 'When it was due' }),
          job_id: z.string(),
          outcome: z.enum(['enqueued', 'unknown']).meta({ description: '`unknown`: it may be stored' }),
        })
        .nullable()
        .meta({ description: 'The last tick whose job was enqueued, or perhaps was' }),
    }),
  ),
});
type ScheduleList = z.infer<typeof scheduleList>;

const timeOf = (ms: number): string => new Date(ms).toISOString();

function describe(state: ScheduleState): ScheduleList['schedules'][number] {
  const { name, operation, pattern, timeZone, catchUp, nextMs, last } = state;
  return {
    name,
    operation,
    schedule: pattern,
    time_zone: timeZone,
    catch_up: catchUp,
    next_at: nextMs === undefined ? null : timeOf(nextMs),
    last: last === undefined ? null : { at: timeOf(last.atMs), job_id: last.jobId, outcome: last.outcome },
  };
}

export function registerCron(app: FastifyInstance, { cron, protect }: CronRouteOptions): void {
  const schema = {
    summary: 'Schedules, with the next and the last tick of each',
    response: { 200: scheduleList, ...problemResponses([...commonProblems, 'keys_unavailable']) },
  };
  app.get('/cron', { schema, onRequest: [...protect] }, async (request, reply): Promise<ScheduleList> => {
    reply.header('cache-control', 'no-store');
    try {
      return { schedules: ((await cron?.list()) ?? []).map(describe) };
    } catch (error) {
      request.log.warn({ err: error, request_id: request.id }, 'the store of ticks did not answer');
      throw new AppError('keys_unavailable', 'The store of keys, which keeps the last ticks, does not answer');
    }
  });
}
