// Turns a failure of the client into an exit code and a text.
import { WorkFactoryError, type Failure } from '../client/error.ts';
import { exitCodes, type ExitCode } from './command.ts';
import { printable, type Output } from './output.ts';

const unreachable: ReadonlySet<string> = new Set(['not_connected', 'connection_lost', 'no_response']);

export function exitCodeOf({ outcome, code }: WorkFactoryError): ExitCode {
  if (outcome === 'unknown') return exitCodes.unknown;
  if (unreachable.has(code)) return exitCodes.unreachable;
  // The request was to enqueue nothing, and its outcome is not known.
  if (code === 'aborted' && outcome === undefined) return exitCodes.unknown;
  return exitCodes.failed;
}

const open: ReadonlySet<string> = new Set(['outcome_unknown', 'no_response', 'connection_lost', 'aborted']);

/** True when the action was perhaps done: no response said how it ended. */
export const mayBeDone = (error: unknown): error is WorkFactoryError =>
  error instanceof WorkFactoryError && open.has(error.code);

export const withDetail = (failure: Failure, detail: string): WorkFactoryError =>
  new WorkFactoryError({ ...failure, detail });

/** The failure as one object, for scripts. */
export const failureJson = ({ outcome, code, detail, status, jobIds, problem }: WorkFactoryError): object => ({
  ...(outcome !== undefined && { outcome }),
  code,
  detail,
  ...(status !== undefined && { status }),
  ...(jobIds.length > 0 && { job_ids: jobIds }),
  ...(Array.isArray(problem?.['violations']) && { violations: problem['violations'] }),
});

export function noteFailure({ note }: Pick<Output, 'note'>, error: WorkFactoryError): void {
  const { outcome, code, detail, jobIds, problem } = error;
  const head = outcome === undefined ? '' : { not_enqueued: 'not enqueued: ', unknown: 'may be enqueued: ' }[outcome];
  note(`${head}${printable(detail)} (${code})`);
  const violations = violationsOf(problem);
  // The detail contains a single violation already.
  if (violations.length > 1) for (const { pointer, message } of violations) note(printable(`  ${pointer} ${message}`));
  if (jobIds.length > 0) note(`  ids to ask for: work-factory status ${jobIds.map(printable).join(' ')}`);
  noteHints({ note }, error);
}

/** Writes what the caller can do about the failure. */
export function noteHints({ note }: Pick<Output, 'note'>, error: WorkFactoryError): void {
  for (const hint of hintsOf(error)) note(`  ${hint}`);
}

function violationsOf(problem: WorkFactoryError['problem']): { pointer: string; message: string }[] {
  const violations = problem?.['violations'];
  if (!Array.isArray(violations)) return [];
  return violations.map((violation) => {
    const { pointer, message } = Object(violation) as { pointer?: unknown; message?: unknown };
    return { pointer: String(pointer), message: String(message) };
  });
}

/** True when the operation is not the name of a job type. */
export const namesNoType = ({ problem }: Pick<WorkFactoryError, 'problem'>): boolean =>
  violationsOf(problem).some(({ pointer }) => pointer === '/operation');

function hintsOf({ outcome, code, problem }: WorkFactoryError): string[] {
  if (code === 'not_connected')
    return ['No service answers there. Start one (npx work-factory), or say where it is: --url or WORK_FACTORY_URL'];
  if (code === 'unauthorized') return ['This service wants an API key: set WORK_FACTORY_API_KEY'];
  if (code === 'keys_not_kept')
    return ['This service keeps no keys. Without --idempotency-key the job is enqueued, and sent once at most'];
  if (code === 'unknown_jobtype' || namesNoType({ problem })) return ['work-factory jobs lists the job types'];
  if (outcome === 'unknown') return ['Posted again it could run twice, unless both have the same --idempotency-key'];
  return [];
}
