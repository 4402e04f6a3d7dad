// `work-factory jobs check`: what JOBS_DIR declares, and whether each example gives the result that it names.
import { isDeepStrictEqual } from 'node:util';
import type { Schedule } from '../../domain/cron.ts';
import type { JobType } from '../../domain/job-type.ts';
import { ConfigError } from '../../config/load.ts';
import type { JobContext, JobLogger } from '../../jobs/define-job.ts';
import { JobsError, loadJobs } from '../../jobs/load-jobs.ts';
import { builtInSettings } from '../../roles/jobs.ts';
import { RoleError } from '../../roles/role.ts';
import { readEnvironment } from '../../process/environment.ts';
import { defineCommand, type ExitCode } from '../command.ts';

export const jobsCheck = defineCommand({
  operands: '',
  operandCount: { min: 0, max: 0 },
  options: {},
  about: `Reads the definitions of the folder JOBS_DIR (./jobs) as the service does at its start, says what is
wrong with them, lists the job types, and runs every example that names its result. No service is
asked, and nothing is enqueued. Settings are read from the environment, then from .env in this folder.`,
  exits: { done: 'every file is right, and every example gives its result', failed: 'otherwise' },
  examples: ['work-factory jobs check', 'JOBS_DIR=examples/jobs work-factory jobs check'],
  run: ({ env, output }) =>
    checkJobs({ env, print: (text) => void output.print(text), printError: (text) => output.note(text) }),
});

export interface CheckJobsOptions {
  env: NodeJS.ProcessEnv;
  /** Prints the list of types. */
  print: (text: string) => void;
  /** Prints what is wrong, and the log lines of the examples' code. */
  printError: (text: string) => void;
}

type Run = (args: unknown, context: JobContext) => unknown;

/** Resolves with the exit code: 0 when every file is right and every example gives its result. */
export async function checkJobs({ env, print, printError }: CheckJobsOptions): Promise<ExitCode> {
  try {
    const config = readEnvironment(env);
    const { registry, definitions, ignored } = await loadJobs(config.JOBS_DIR, builtInSettings(config));
    for (const type of registry.types) print(describe(type));
    for (const file of ignored) printError(`${file}: not read; definitions end in .js, .mjs or .ts`);
    let wrong = 0;
    for (const type of registry.types) {
      const run = definitions.get(type.name)?.['run'] as Run | undefined;
      if (run) wrong += await checkExamples(type, run, printError);
    }
    return wrong === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof JobsError || error instanceof ConfigError || error instanceof RoleError)) throw error;
    printError(error.message);
    return 1;
  }
}

function describe({ name, jobtype, queue, retry, reserveForSeconds, runs, schedules = [] }: JobType): string {
  const where = runs === 'elsewhere' ? ', run by other workers' : '';
  const times = schedules.map((one) => `\n  at ${one.pattern} ${one.timeZone}: ${one.name}, next ${nextOf(one)}`);
  return `${name}: jobtype ${jobtype}, queue ${queue}, retry ${retry}, reserve_for ${reserveForSeconds} s${where}${times.join('')}`;
}

const nextOf = ({ nextAfter }: Schedule): string => new Date(nextAfter(Date.now()) ?? Number.NaN).toISOString();

/** Runs the examples that name a result; returns how many do not give it. */
async function checkExamples(type: JobType, run: Run, printError: (text: string) => void): Promise<number> {
  let wrong = 0;
  for (const [index, example] of type.examples.entries()) {
    if (!('result' in example)) continue;
    const problem = await runExample(type, run, example, printError);
    if (problem === undefined) continue;
    printError(`${type.name}: example ${index} ${problem}`);
    wrong++;
  }
  return wrong;
}

async function runExample(
  type: JobType,
  run: Run,
  example: JobType['examples'][number],
  printError: (text: string) => void,
): Promise<string | undefined> {
  const timeoutMs = (type.timeoutSeconds ?? type.reserveForSeconds - 10) * 1000;
  const controller = new AbortController();
  const { signal } = controller;
  // This timer keeps the program alive, unlike AbortSignal.timeout. Without it an example that waits for nothing would end the
  // program without a word.
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const timedOut = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error(`it did not end within ${timeoutMs / 1000} s`)));
    });
    const args = type.args.parse(example.args);
    const given = await Promise.race([run(args, contextOf(type, signal, printError)), timedOut]);
    const result = type.result ? type.result.parse(given) : given;
    if (isDeepStrictEqual(result, example.result)) return undefined;
    return `gives ${JSON.stringify(result)}, not ${JSON.stringify(example.result)}`;
  } catch (error) {
    return `fails: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    clearTimeout(timer);
  }
}

function contextOf(type: JobType, signal: AbortSignal, printError: (text: string) => void): JobContext {
  const write = (message: string, fields?: Record<string, unknown>): void =>
    printError([`${type.name}:`, message, ...(fields ? [JSON.stringify(fields)] : [])].join(' '));
  const log: JobLogger = { debug: write, info: write, warn: write, error: write };
  return { jid: 'example-job', attempt: 1, signal, log, requestId: undefined, progress: () => undefined };
}
