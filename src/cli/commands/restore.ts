// `work-factory restore`: turns a copy into the data of a service that does not run.
import { ConfigError } from '../../config/load.ts';
import { readEnvironment } from '../../process/environment.ts';
import { restoreData, RestoreError } from '../../roles/restore.ts';
import { RoleError } from '../../roles/role.ts';
import { defineCommand, exitCodes, type ExitCode, type Invocation } from '../command.ts';
import { toSnakeCase } from '../output.ts';

const options = { json: { about: 'prints JSON, one object' } } as const;

export const restore = defineCommand({
  operands: 'DIR',
  operandCount: { min: 1, max: 1 },
  options,
  about: `  DIR  a folder that work-factory backup made

Makes DATA_DIR (./data) of the copy, for a service on this machine that does not run. DATA_DIR must be
new or empty. All of the copy is checked before anything is written. Jobs that have ended since the
copy was made are there again, and run again. Settings are read from the environment, then from .env
in this folder.`,
  exits: {
    done: 'DATA_DIR holds what the copy holds: a start finds it',
    failed: 'nothing was restored: the copy is not whole, or DATA_DIR is not empty or cannot be written',
    usage: 'wrong usage',
  },
  examples: ['work-factory restore backups/before-upgrade', 'DATA_DIR=/data work-factory restore /backups/nightly'],
  run: restoreCopy,
});

async function restoreCopy({ env, output, operands, options: chosen }: Invocation<typeof options>): Promise<ExitCode> {
  const [from = ''] = operands;
  try {
    const { DATA_DIR: to } = readEnvironment(env);
    const { manifest, found } = await restoreData(from, to);
    const { name, startedAt } = manifest;
    const { queues = [], ...sets } = found.broker ?? {};
    const results = found.results?.ended;
    if (chosen.json) await output.printJson(toSnakeCase({ name, startedAt, to, queues, ...sets, results }));
    else {
      await output.print(`${name}, begun ${startedAt}, is restored into ${to}`);
      for (const queue of queues) await output.print(`queue ${queue.name}: ${queue.jobs} jobs`);
      for (const [set, jobs] of Object.entries(sets)) await output.print(`${set}: ${jobs} jobs`);
      if (results !== undefined) await output.print(`results: ${results}`);
    }
    return exitCodes.done;
  } catch (error) {
    if (!(error instanceof RestoreError || error instanceof ConfigError || error instanceof RoleError)) throw error;
    output.note(`work-factory: ${error.message}`);
    return exitCodes.failed;
  }
}
