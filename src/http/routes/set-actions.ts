// POST /sets/{set}/{job_id}/retry, /discard, /kill: of one job. POST /sets/{set}/retry, ...: of some, or of all of a jobtype.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { setActions, setNames, type SetAction, type SetChange } from '../../domain/operator.ts';
import { actionBodyBytesMax, actionJobsMax, setNameCharsMax } from '../limits.ts';
import { cut } from '../problems/caller-text.ts';
import { AppError } from '../problems/errors.ts';
import { readBody } from '../problems/violations.ts';
import { createActions, type Actions, type OperatorRouteOptions } from './operator-action.ts';
import { actionProblems, readSetName } from './operator-responses.ts';
import { noFields, problemResponses } from './schemas.ts';

const summaries: Readonly<Record<SetAction, string>> = {
  retry: 'Queue now',
  discard: 'Remove for good',
  kill: 'Move to the dead',
};

const name = z.string('must be a string').min(1, 'must not be empty').max(setNameCharsMax, 'is too long');
const ids = z
  .array(name, 'must be an array of job ids')
  .min(1, 'must not be empty')
  .max(actionJobsMax, `holds at most ${actionJobsMax} job ids`);
const which = z
  .strictObject({ jobtype: name.optional(), job_ids: ids.optional() })
  .refine((body) => (body.jobtype === undefined) !== (body.job_ids === undefined), 'needs either jobtype or job_ids')
  .meta({ oneOf: [{ required: ['jobtype'] }, { required: ['job_ids'] }] });

const affected = z.object({ affected: z.int().min(0) });
const untold = z.object({ affected: z.null() }).meta({ description: 'Faktory does not tell how many it were' });
const setParam = z.enum(setNames);

/** The most ids in a log line: a request may name a thousand. */
const idsLoggedMax = 20;

type Change = (request: FastifyRequest, change: SetChange) => Promise<number | undefined>;

export function registerSetActions(app: FastifyInstance, options: OperatorRouteOptions): void {
  const actions = createActions(options);
  const change: Change = (request, wanted) => {
    const { set, action, jobtype, jids } = wanted;
    const about = { action, set, jobtype, job_ids: jids?.slice(0, idsLoggedMax).map((jid) => cut(jid)) };
    return actions.run(
      request,
      about,
      () => options.operator.change(wanted),
      (count) => ({ affected: count ?? null }),
    );
  };
  for (const action of setActions) {
    registerOfOne(app, action, actions, change);
    registerOfMany(app, action, actions, change);
  }
}

function sendUntold(reply: FastifyReply): { affected: null } {
  reply.code(202);
  return { affected: null };
}

function registerOfOne(app: FastifyInstance, action: SetAction, { route }: Actions, change: Change): void {
  const schema = {
    summary: `${summaries[action]}: one job`,
    params: z.object({ set: setParam, job_id: z.string() }),
    body: noFields,
    response: { 200: z.object({ job_id: z.string() }), 202: untold, ...problemResponses(actionProblems) },
  };
  app.post(`/sets/:set/:job_id/${action}`, { schema, ...route }, async (request, reply) => {
    const set = readSetName(request.params);
    const { job_id: jid } = request.params as { job_id: string };
    readBody(noFields, request.body);
    const count = await change(request, { set, action, jids: [jid] });
    if (count === undefined) return sendUntold(reply);
    if (count === 0) throw new AppError('not_found', `There is no such job among the ${set}`);
    return { job_id: jid };
  });
}

function registerOfMany(app: FastifyInstance, action: SetAction, { route }: Actions, change: Change): void {
  const schema = {
    summary: `${summaries[action]}: these jobs, or all of a jobtype`,
    params: z.object({ set: setParam }),
    body: which,
    response: { 200: affected, 202: untold, ...problemResponses(actionProblems) },
  };
  app.post(`/sets/:set/${action}`, { schema, bodyLimit: actionBodyBytesMax, ...route }, async (request, reply) => {
    const set = readSetName(request.params);
    const { jobtype, job_ids: jids } = readBody(which, request.body);
    const count = await change(request, { set, action, jobtype, jids });
    return count === undefined ? sendUntold(reply) : { affected: count };
  });
}
