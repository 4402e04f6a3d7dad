// Reads the id of a job from the command line, and writes its state as text and as an exit code.
import type { Job } from '../client/job.ts';
import { jidPattern } from '../domain/jid.ts';
import { exitCodes, UsageError, type ExitCode } from './command.ts';
import { printable, printableJson } from './output.ts';

export function checkId(id: string): string {
  if (!jidPattern.test(id)) throw new UsageError(`${JSON.stringify(id.slice(0, 80))} is not the id of a job`);
  return id;
}

/** @param job undefined: the service does not know it, which does not say that it is not stored */
export function describeJob(job: Job | undefined): string {
  if (job === undefined) return 'not known here';
  const { state, result, error, errtype, attempts, at, progress, tracked } = job;
  const details: string[] = [];
  if (state === 'succeeded') details.push(printableJson(result));
  if (state === 'scheduled' && at !== undefined) details.push(`for ${printable(at)}`);
  if (progress !== undefined && state === 'pending')
    details.push(`${progress.percent} %${progress.note === undefined ? '' : ` ${printable(progress.note)}`}`);
  if (error !== undefined) details.push(printable(errtype === undefined ? error : `${errtype}: ${error}`));
  if (attempts !== undefined && attempts > 1) details.push(`(attempt ${attempts})`);
  if (tracked === false) details.push('(another worker runs it, and its end is not reported)');
  return [state, ...details].join(' ');
}

/** @param isAwaited whether its end was waited for */
export function exitCodeOfJob(job: Job | undefined, { isAwaited }: { isAwaited: boolean }): ExitCode {
  switch (job?.state) {
    case 'succeeded':
      return exitCodes.done;
    case 'failed':
    case 'expired':
    case 'cancelled':
      return exitCodes.failed;
    case 'pending':
    case 'scheduled':
      return isAwaited ? exitCodes.unknown : exitCodes.done;
    case undefined:
      return exitCodes.unknown;
  }
}
