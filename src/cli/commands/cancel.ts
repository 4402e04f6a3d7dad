// `work-factory cancel`: cancels a job that has not started.
import type { Cancelled } from '../../client/job.ts';
import { defineCommand, exitCodes, type ExitCode, type Invocation } from '../command.ts';
import { failureJson, mayBeDone } from '../failure.ts';
import { checkId } from '../job-text.ts';
import { printable } from '../output.ts';
import { openService, serviceOptions } from '../service.ts';

export const cancel = defineCommand({
  operands: 'JOB_ID',
  operandCount: { min: 1, max: 1 },
  options: serviceOptions,
  about: `  JOB_ID  the id that work-factory enqueue printed

Cancels a job that is scheduled, waits for another attempt, or is queued (on Faktory a queued job only
where results are kept). A job that has started goes on.`,
  exits: {
    done: 'cancelled: no worker runs the job',
    failed: 'not cancelled: the job has started or has ended, or is not known here; the reason is printed',
    usage: 'wrong usage, or something that cannot be an id',
    unknown: 'the job may be cancelled: work-factory status tells',
    unreachable: 'the service cannot be reached; nothing was cancelled',
  },
  examples: ['work-factory cancel 019caf3e-5c00-7d3a-9c11-5b0f2a6e4d10'],
  run: cancelJob,
});

const reasons: Readonly<Record<Exclude<Cancelled, 'cancelled'>, string>> = {
  not_cancellable: 'the job has started or has ended',
  not_found: 'the job is not known here',
};

async function cancelJob(given: Invocation<typeof serviceOptions>): Promise<ExitCode> {
  const { output, options, operands } = given;
  const id = checkId(operands[0] ?? '');
  try {
    const end = await openService(given).client.cancel(id);
    if (end === 'cancelled') {
      if (options.json) await output.printJson({ job_id: id, state: end });
      else await output.print(`${id} cancelled`);
      return exitCodes.done;
    }
    if (options.json) await output.printJson({ job_id: id, code: end, detail: `Not cancelled: ${reasons[end]}` });
    else output.note(`not cancelled: ${reasons[end]} (${end})`);
    return exitCodes.failed;
  } catch (error) {
    if (!mayBeDone(error)) throw error;
    if (options.json) await output.printJson({ job_id: id, ...failureJson(error) });
    else output.note(`may be cancelled: ${printable(error.detail)} (${error.code}); work-factory status ${id} tells`);
    return exitCodes.unknown;
  }
}
