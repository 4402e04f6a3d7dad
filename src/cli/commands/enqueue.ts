// `work-factory enqueue`: posts one job, and waits for its result if asked to.
import type { Client, Enqueued } from '../../client/client.ts';
import type { AnyDefinitions, JobOptions } from '../../client/definitions.ts';
import { WorkFactoryError } from '../../client/error.ts';
import type { Job } from '../../client/job.ts';
import { defineCommand, exitCodes, type ExitCode, type Invocation, type Options } from '../command.ts';
import { didYouMean } from '../did-you-mean.ts';
import { failureJson, namesNoType, withDetail } from '../failure.ts';
import { exitCodeOfJob, describeJob } from '../job-text.ts';
import { listTypes } from '../job-types.ts';
import { readText } from '../lines.ts';
import { printable, printableJson, toSnakeCase } from '../output.ts';
import { openService, serviceOptions, type Service } from '../service.ts';
import { readInteger, readJson, readSeconds } from '../values.ts';

const options = {
  wait: { about: 'waits for the end of the job, 60 seconds at most' },
  'wait-timeout': { value: 'SECONDS', about: 'waits for this time instead' },
  at: { value: 'TIME', about: 'the job is queued at this time: 2030-12-01T08:00:00+01:00' },
  delay: { value: 'SECONDS', about: 'the job is queued after this time: 90, 15m, 2h, 1d' },
  queue: { value: 'NAME', about: 'a queue of ENQUEUE_QUEUES, in place of the queue of the job type' },
  'idempotency-key': {
    value: 'KEY',
    about:
      'makes the job once, however often the command is repeated with the same key and arguments (for a day). Without it the command makes a key, for requests that it repeats by itself',
  },
  retry: {
    value: 'COUNT',
    about:
      'how often a failed job is tried again. 0: never, and it is gone; --retry=-1: never, and it is kept among the dead',
  },
  'reserve-for': { value: 'SECONDS', about: 'after this time a silent worker loses the job, and another gets it' },
  'expires-in': { value: 'SECONDS', about: 'the job is not run when it has not started within this time' },
  'expires-at': { value: 'TIME', about: 'the same, as a point in time' },
  'unique-for': {
    value: 'SECONDS',
    about: 'the job is not enqueued while a job like it, accepted within this time, has not ended',
  },
  'unique-key': { value: 'TEXT', about: 'what makes jobs alike, in place of type, queue and arguments' },
  'request-id': { value: 'TEXT', about: 'shown in logs and in the state of the job' },
  custom: { value: 'JSON', about: 'an object that is handed through to the worker' },
  ...serviceOptions,
} as const;

export const enqueue = defineCommand({
  operands: 'OPERATION [ARGS|-]',
  operandCount: { min: 1, max: 2 },
  options,
  about: `  OPERATION  the name of a job type; work-factory jobs lists them
  ARGS       its arguments, a JSON object in single quotes: '{"a": 1, "b": 2}'; default: {}
  -          reads the arguments from standard input, where no other user of this machine sees them

When it ends with 0 the broker has the job, and the id on standard output is the one that the worker
sees. With --wait standard output has the result of the job instead, as JSON. Everything else that a
person wants to know goes to standard error.`,
  exits: {
    done: 'enqueued; with --wait: the job succeeded',
    failed: 'not enqueued, and it will never run; with --wait also: the job failed, expired or was cancelled',
    usage: 'wrong usage; nothing was sent',
    unknown:
      'the job may be enqueued: the service gave no clear response; with --wait also: it is enqueued and has not ended',
    unreachable: 'the service cannot be reached; nothing was enqueued',
  },
  examples: [
    `work-factory enqueue add '{"a": 1, "b": 2}' --wait`,
    `work-factory enqueue add '{"a": 1, "b": 2}' --delay 15m`,
    `work-factory enqueue add '{"a": 1, "b": 2}' --idempotency-key order-4711`,
    `work-factory enqueue add - < args.json`,
  ],
  run: enqueueJob,
});

/** More than any service takes: JOB_BODY_BYTES_MAX is less. */
const argsBytesMax = 16 * 1024 * 1024;

type Given = Invocation<typeof options>;

async function enqueueJob(given: Given): Promise<ExitCode> {
  const { operands, output, options: chosen } = given;
  const [operation = '', text] = operands;
  const service = openService(given);
  const jobOptions = readOptions(chosen);
  const waitSeconds = readSeconds('wait-timeout', chosen['wait-timeout']) ?? (chosen.wait ? 60 : undefined);
  const args = readJson(
    'ARGS',
    text === '-' ? await readText(given.stdin, argsBytesMax, given.signal) : (text ?? '{}'),
  );
  const enqueued = await service.client.enqueue(operation, args, jobOptions).catch(async (error: unknown) => {
    throw await withSuggestion(error, operation, service);
  });
  if (waitSeconds === undefined) {
    if (!chosen.json) output.note(describeEnqueued(enqueued));
    if (chosen.json) await output.printJson(toSnakeCase(enqueued));
    else await output.print(enqueued.jobId);
    return exitCodes.done;
  }
  if (!chosen.json) output.note(`${enqueued.jobId} ${describeEnqueued(enqueued)}`);
  const end = await waitFor(service.client, enqueued.jobId, waitSeconds);
  if (chosen.json) {
    const seen = end instanceof WorkFactoryError ? failureJson(end) : { job: end ? toSnakeCase(end) : null };
    await output.printJson({ ...toSnakeCase(enqueued), ...seen });
  } else if (end instanceof WorkFactoryError) {
    output.note(`the job is enqueued, and its end is not known: ${printable(end.detail)} (${end.code})`);
  } else {
    output.note(`${enqueued.jobId} ${describeJob(end)}`);
    if (end?.state === 'succeeded') await output.print(printableJson(end.result));
  }
  return end instanceof WorkFactoryError ? exitCodes.unknown : exitCodeOfJob(end, { isAwaited: true });
}

/** The failure. When the operation is unknown, it names a job type with a similar name. */
async function withSuggestion(error: unknown, operation: string, service: Service): Promise<unknown> {
  if (!(error instanceof WorkFactoryError) || !namesNoType(error)) return error;
  const names = (await listTypes(service).catch(() => [])).map(({ name }) => name);
  return withDetail(error, error.detail + didYouMean(operation, names));
}

function readOptions(chosen: Options<typeof options>): JobOptions {
  const { custom } = chosen;
  return {
    at: chosen.at,
    delaySeconds: readSeconds('delay', chosen.delay),
    queue: chosen.queue,
    key: chosen['idempotency-key'],
    retry: readInteger('retry', chosen.retry),
    reserveFor: readSeconds('reserve-for', chosen['reserve-for']),
    expiresInSeconds: readSeconds('expires-in', chosen['expires-in']),
    expiresAt: chosen['expires-at'],
    uniqueFor: readSeconds('unique-for', chosen['unique-for']),
    uniqueKey: chosen['unique-key'],
    requestId: chosen['request-id'],
    custom: custom === undefined ? undefined : (readJson('--custom', custom) as Record<string, unknown>),
  };
}

function describeEnqueued({ message, at, replayed }: Enqueued): string {
  const time = at === undefined || message.includes(at) ? '' : `, for ${at}`;
  const again = replayed ? ' (before now: the same key came with the same job)' : '';
  return printable(message + time + again);
}

/** A failure is a value here, because the job is enqueued even when its state cannot be read. */
const waitFor = (
  client: Pick<Client<AnyDefinitions>, 'wait'>,
  jobId: string,
  seconds: number,
): Promise<Job | undefined | WorkFactoryError> =>
  client.wait(jobId, { timeoutMs: seconds * 1000 }).catch((error: unknown) => {
    if (error instanceof WorkFactoryError) return error;
    throw error;
  });
