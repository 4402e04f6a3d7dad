// `work-factory cron`: the schedules of the service, with the next and the last tick of each.
import { WorkFactoryError } from '../../client/error.ts';
import { defineCommand, exitCodes, type ExitCode, type Invocation } from '../command.ts';
import { withDetail } from '../failure.ts';
import { aligned, printable } from '../output.ts';
import { openService, serviceOptions } from '../service.ts';

export const cron = defineCommand({
  operands: '',
  operandCount: { min: 0, max: 0 },
  options: serviceOptions,
  about: `Prints a line for each schedule of the definitions: its name, the schedule and its time zone, when it is
due next, and when a job of it was enqueued last, with the id of that job. Times are UTC. Where ADMIN_KEYS is
set, WORK_FACTORY_API_KEY must be one of them.`,
  exits: {
    done: 'listed, even if there are none',
    failed: 'the service refuses the request',
    usage: 'wrong usage',
    unreachable: 'the service cannot be reached',
  },
  examples: ['work-factory cron', 'work-factory cron --json'],
  run: listSchedules,
});

/** A schedule as GET /cron has it (src/http/routes/cron.ts). */
interface Schedule {
  readonly name: string;
  readonly schedule: string;
  readonly time_zone: string;
  readonly next_at: string | null;
  readonly last: { readonly at: string; readonly job_id: string; readonly outcome: string } | null;
}

const routesClosed =
  'This service shows its schedules to nobody: other machines can reach it, and ADMIN_KEYS is not set where it runs. Set ADMIN_KEYS ' +
  'there, start the service again, and set WORK_FACTORY_API_KEY for this command to one of those keys';

async function listSchedules(given: Invocation<typeof serviceOptions>): Promise<ExitCode> {
  const { output, options } = given;
  const schedules = await fetchSchedules(given);
  if (options.json) for (const schedule of schedules) await output.printJson(schedule);
  else if (schedules.length === 0)
    output.note('There are no schedules: a definition of JOBS_DIR has them in its field cron');
  else {
    const lines = aligned(schedules.map((schedule) => [printable(schedule.name), describe(schedule)]));
    for (const line of lines) await output.print(line);
  }
  return exitCodes.done;
}

async function fetchSchedules(given: Invocation<typeof serviceOptions>): Promise<readonly Schedule[]> {
  try {
    const { body } = await openService(given).send('GET', '/cron');
    return body['schedules'] as readonly Schedule[];
  } catch (error) {
    if (error instanceof WorkFactoryError && error.code === 'not_found') throw withDetail(error, routesClosed);
    throw error;
  }
}

function describe({ schedule, time_zone: timeZone, next_at: next, last }: Schedule): string {
  const due = next === null ? 'never due again' : `next ${next}`;
  const unknown = last?.outcome === 'unknown' ? ' (it may be stored)' : '';
  const before = last === null ? 'never yet' : `last ${last.at} ${last.job_id}${unknown}`;
  return printable(`${schedule} (${timeZone}), ${due}, ${before}`);
}
