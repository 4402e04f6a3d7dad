// MUTATE {"cmd":…, "target":…, "filter":…}: clears, discards, kills or requeues jobs of the sets `scheduled`, `retries` and
// `dead`, as contribsys/faktory v1.9.4 does (server/mutate.go). Two things are this broker's own: the target `queues`, where
// jobs are discarded by their jids before they start, and `"report":true`, which asks how many jobs were changed, and which of
// the given jids.
import { createFilter, type JobFilter } from '../../queues/job-filter.ts';
import type { Mutation, MutationCommand, MutationTarget } from '../../queues/mutations.ts';
import type { Command } from '../command.ts';
import { goStruct, parseGo, type GoStruct } from '../go-json.ts';
import { bulk, error, ok } from '../replies.ts';

const operationStruct = goStruct('Operation', {
  cmd: ['string', 'string'],
  target: ['string', 'client.Structure'],
  filter: ['object', 'client.JobFilter'],
  report: ['boolean', 'bool'],
});

const filterStruct: GoStruct = goStruct('JobFilter', {
  regexp: ['string', 'string'],
  jobtype: ['string', 'string'],
  jids: ['strings', '[]string'],
});

const commands = new Set(['clear', 'kill', 'discard', 'requeue']);
const targets = new Set(['scheduled', 'retries', 'dead', 'queues']);

/** Checks in Faktory's order, with its texts. */
function parseMutation(text: string): Mutation & { report: boolean } {
  if (text === '') throw new Error('invalid format');
  const { cmd, target, filter, report } = parseGo(text, operationStruct) as {
    cmd?: MutationCommand;
    target?: MutationTarget;
    filter?: object | null;
    report?: boolean | null;
  };
  const fields: JobFilter = filter ? parseGo(JSON.stringify(filter), filterStruct) : {};
  if (cmd === undefined || !commands.has(cmd)) throw new Error('unknown mutate operation');
  if (target === undefined || !targets.has(target)) throw new Error('invalid target for mutation command');
  const jids = fields.jids?.length ?? 0;
  if (target === 'queues' && (cmd !== 'discard' || jids === 0)) {
    throw new Error('jobs in queues can only be discarded, and by their jids');
  }
  return { cmd, target, matches: cmd === 'clear' ? undefined : createFilter(fields), jids, report: report === true };
}

export const mutate: Command = ({ mutations, audit }, session, rest) => {
  const mutation = parseMutation(rest.toString());
  const { cmd, target, jids: given, report } = mutation;
  // No further command of this connection is read before the reply, even if the client has closed its side.
  const stay = (): void => session.hold(stay);
  stay();
  void mutations
    .run(mutation)
    .then(
      ({ affected, jids }) => {
        audit(session, `MUTATE ${cmd} ${target}`, { affected, ...(given > 0 && { jids: given }) });
        session.reply(report ? bulk(JSON.stringify({ affected, ...(given > 0 && { jids }) })) : ok);
      },
      (problem: unknown) => session.reply(error((problem as Error).message)),
    )
    .then(() => session.release());
};
