// `work-factory backup`: a copy of what the service keeps, made while it runs.
import { WorkFactoryError } from '../../client/error.ts';
import { backupNamePattern } from '../../domain/backup.ts';
import { defineCommand, exitCodes, UsageError, type ExitCode, type Invocation } from '../command.ts';
import { failureJson, mayBeDone, withDetail } from '../failure.ts';
import { printable } from '../output.ts';
import { openService, serviceOptions } from '../service.ts';

const options = {
  ...serviceOptions,
  timeout: { value: 'SECONDS', about: 'how long to wait for the end of the copy, 300 by default and at most' },
} as const;

export const backup = defineCommand({
  operands: 'NAME',
  operandCount: { min: 1, max: 1 },
  options,
  about: `  NAME  of the folder that the service makes under its BACKUP_DIR: letters, digits, ".", "_" and "-"

Copies the jobs, keys and results of a service that runs all in one (npm start without FAKTORY_URL)
while it goes on. Whatever was acknowledged before is in the copy. The folder has its name only once
all of it is on disk. Where ADMIN_KEYS is set, WORK_FACTORY_API_KEY must be one of them.
work-factory restore brings a copy back.`,
  exits: {
    done: 'the copy is whole, and on disk',
    failed: 'there is no copy; the reason is printed',
    usage: 'wrong usage',
    unknown: 'the copy was not done in time and goes on: the log of the service says how it ends',
    unreachable: 'the service cannot be reached',
  },
  examples: ['work-factory backup before-upgrade', 'work-factory backup "nightly-$(date +%F)"'],
  run: makeBackup,
});

/** Node's `fetch` waits at most this long for a response. */
const timeoutSeconds = 300;

const noBackupDir =
  'No copy was made: BACKUP_DIR is not set where the service runs. Set it there, not for this command, and start the service ' +
  'again. A service that other machines can reach needs ADMIN_KEYS, too';

async function makeBackup(given: Invocation<typeof options>): Promise<ExitCode> {
  const { output, options: chosen, operands } = given;
  const [name = ''] = operands;
  if (!backupNamePattern.test(name))
    throw new UsageError('NAME has 1 to 100 letters, digits, ".", "_" or "-", and begins with a letter or a digit');
  try {
    const { body } = await openService(given, timeoutSeconds).act('/admin/backup', { name });
    if (chosen.json) await output.printJson(body);
    else await output.print(`${name}: ${String(body['bytes'])} bytes in ${String(body['seconds'])} s`);
    return exitCodes.done;
  } catch (error) {
    if (error instanceof WorkFactoryError && error.code === 'not_found') throw withDetail(error, noBackupDir);
    if (!mayBeDone(error)) throw error;
    if (chosen.json) await output.printJson(failureJson(error));
    else output.note(`${printable(error.detail)} (${error.code}). The log of the service says how it ends`);
    return exitCodes.unknown;
  }
}
