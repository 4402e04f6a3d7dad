// `work-factory cron`: the schedules of the service, with the next and the last tick of each.
import { defineCommand, exitCodes, type ExitCode, type Invocation } from '../command.ts';
import { aligned, printable } from '../output.ts';
import { openService, serviceOptions } from '../service.ts';

export const cron = defineCommand({
  operands: '',
  operandCount: { min: 0, max: 0 },
  options: serviceOptions,
  about: `Prints a line for each schedule of the definitions: its name, the schedule and its time zone, when it is
due next, and when a job of it was enqueued last, with the id of that job. Times are UTC.`,
  exits: {
    done: 'listed, even if there are none',
    failed: 'the service refuses the request',
    usage: 'wrong usage',
    unreachable: 'the service cannot be reached',
  },
  examples: ['work-factory cron', 'work-factory cron --json'],
  run: listSchedules,
});

/** As GET /cron has it (src/http/routes/cron.ts). */
interface Schedule {
  readonly name: string;
  readonly schedule: string;
  readonly time_zone: string;
  readonly next_at: string | null;
  readonly last: { readonly at: string; readonly job_id: string; readonly outcome: string } | null;
}

async function listSchedules(given: Invocation<typeof serviceOptions>): Promise<ExitCode> {
  const { output, options } = given;
  const { body } = await openService(given).send('GET', '/cron');
  const schedules = body['schedules'] as readonly Schedule[];
  if (options.json) for (const schedule of schedules) await output.printJson(schedule);
  else if (schedules.length === 0)
    output.note('There are no schedules: a definition of JOBS_DIR has them in its field cron');
  else {
    const lines = aligned(schedules.map((schedule) => [printable(schedule.name), describe(schedule)]));
    for (const line of lines) await output.print(line);
  }
  return exitCodes.done;
}

function describe({ schedule, time_zone: timeZone, next_at: next, last }: Schedule): string {
  const due = next === null ? 'never due again' : `next ${next}`;
  const unknown = last?.outcome === 'unknown' ? ' (it may be stored)' : '';
  const before = last === null ? 'never yet' : `last ${last.at} ${last.job_id}${unknown}`;
  return printable(`${schedule} (${timeZone}), ${due}, ${before}`);
}
