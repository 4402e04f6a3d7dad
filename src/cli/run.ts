// The command line: finds the command, reads its arguments, runs it, and turns the result or the error into an exit code.
import type { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { WorkFactoryError } from '../client/error.ts';
import { exitCodes, UsageError, type Command, type ExitCode, type OptionSpecs } from './command.ts';
import { commands, findCommand } from './commands.ts';
import { didYouMean } from './did-you-mean.ts';
import { exitCodeOf, failureJson, noteFailure } from './failure.ts';
import { commandHelp, programHelp } from './help.ts';
import { createOutput, type Output, type Terminal } from './output.ts';
import { roleNames } from '../process/command-line.ts';

export interface CliOptions {
  /** The arguments without the program's own path. */
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  stdin: Readable;
  stdout: Terminal;
  stderr: Terminal;
  version: string;
  /** Fires at an interrupt. */
  signal: AbortSignal;
}

/** Resolves with the exit code when everything is written. */
export async function runCli(options: CliOptions): Promise<ExitCode> {
  const output = createOutput(options.stdout, options.stderr, options.env);
  try {
    return await dispatch(options, output);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    output.note(`work-factory: ${error.message}`);
    return exitCodes.usage;
  } finally {
    await output.flush();
  }
}

async function dispatch(options: CliOptions, output: Output): Promise<ExitCode> {
  const { args, version } = options;
  const row = findCommand(args);
  if (row === undefined) {
    const isHelp = args.some((arg) => arg === '--help' || arg === '-h');
    if (isHelp || args.includes('--version')) {
      await output.print(isHelp ? programHelp(version) : version);
      return exitCodes.done;
    }
    throw new UsageError(whatIsWrong(args));
  }
  const command = await row.load();
  const { values, positionals } = readArguments(row.name, command, args.slice(row.name.split(' ').length));
  if (values['help'] === true) {
    await output.print(commandHelp(row, command));
    return exitCodes.done;
  }
  return run(row.name, command, { values, positionals }, options, output);
}

function whatIsWrong(args: readonly string[]): string {
  const [first = '', ...others] = args;
  const more = 'work-factory --help says more';
  if (first.startsWith('-'))
    return `options come after the command, and there is no option ${first} before it; ${more}`;
  if (roleNames.some((role) => role === first)) return `${first} takes no arguments: "${others.join(' ')}"; ${more}`;
  const names = [...roleNames, ...commands.map(({ name }) => name)];
  return `there is no command "${first}"${didYouMean(first, names)}; there are ${names.join(', ')}; ${more}`;
}

type Values = Record<string, string | boolean | undefined>;

function readArguments(name: string, { options, operands, operandCount }: Command, args: readonly string[]) {
  const parsed = parse(name, options, args);
  const { length } = parsed.positionals;
  if (parsed.values['help'] === true) return parsed;
  if (length < operandCount.min) throw wrong(name, `an argument is missing: ${name} ${operands}`);
  if (length > operandCount.max) {
    const extra = parsed.positionals.slice(operandCount.max).join(' ');
    const longer = commands.map((row) => row.name).filter((other) => other.startsWith(`${name} `));
    throw wrong(name, `"${extra}" is one argument too many${didYouMean(`${name} ${extra}`, longer)}`);
  }
  return parsed;
}

function parse(name: string, options: OptionSpecs, args: readonly string[]): { values: Values; positionals: string[] } {
  const known = Object.fromEntries(
    Object.entries(options).map(
      ([option, { value }]) => [option, { type: value === undefined ? 'boolean' : 'string' }] as const,
    ),
  );
  try {
    return parseArgs({
      args: [...args],
      options: { ...known, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw wrong(name, shorten((error as Error).message));
  }
}

/** Node's message without its questions and its advice about arguments that begin with a dash. */
const shorten = (message: string): string =>
  message
    .replaceAll('\n', ' ')
    .replace(/\. To specify a positional argument .*$/, '')
    .replace(/ Did you forget [^?]*\?/, '')
    .replace(/\.$/, '');

const wrong = (name: string, message: string): UsageError =>
  new UsageError(`${name}: ${message}; work-factory ${name} --help says more`);

interface Arguments {
  values: Values;
  positionals: readonly string[];
}

async function run(
  name: string,
  command: Command,
  { values, positionals: operands }: Arguments,
  { env, stdin, version, signal: interrupt }: CliOptions,
  output: Output,
): Promise<ExitCode> {
  const signal = AbortSignal.any([interrupt, output.closed]);
  try {
    const options = values as Readonly<Record<string, string & true>>;
    return await command.run({ env, stdin, version, output, signal, operands, options });
  } catch (error) {
    if (error instanceof UsageError) throw wrong(name, error.message);
    if (!(error instanceof WorkFactoryError)) throw error;
    // A reader such as `head` has read enough, and nothing is lost.
    if (output.closed.aborted && error.code === 'aborted' && error.outcome === undefined) return exitCodes.done;
    if (values['json'] === true) await output.printJson(failureJson(error));
    else noteFailure(output, error);
    return exitCodeOf(error);
  }
}
