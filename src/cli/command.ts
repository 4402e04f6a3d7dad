// The parts of a command: its options, the text of its help, and the function that runs it.
import type { Readable } from 'node:stream';
import type { Output } from './output.ts';

/** How a command ended, for scripts (docs/cli.md). */
export const exitCodes = { done: 0, failed: 1, usage: 2, unknown: 3, unreachable: 4 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Wrong arguments: nothing was done. */
export class UsageError extends Error {}

interface OptionSpec {
  /** Name of its value in the help: `SECONDS`. Undefined: the option takes no value. */
  readonly value?: string;
  readonly about: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export type Options<Specs extends OptionSpecs> = {
  readonly [Name in keyof Specs]?: Specs[Name] extends { readonly value: string } ? string : true;
};

/** What a command works with beside its arguments. */
export interface Surroundings {
  /** An empty variable counts as unset. */
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly output: Output;
  /** Fires at an interrupt, and when nobody reads the output any more. The command then reports what it knows. */
  readonly signal: AbortSignal;
  readonly version: string;
}

export interface Invocation<Specs extends OptionSpecs = OptionSpecs> extends Surroundings {
  readonly operands: readonly string[];
  readonly options: Options<Specs>;
}

export interface CommandSpec<Specs extends OptionSpecs> {
  /** As the usage shows them: `OPERATION [ARGS]`. */
  readonly operands: string;
  readonly operandCount: { readonly min: number; readonly max: number };
  readonly options: Specs;
  /** The part of the help between usage and options, in lines of at most 100 characters. */
  readonly about: string;
  /** The part of the help that says what each exit code means. */
  readonly exits: Readonly<Partial<Record<keyof typeof exitCodes, string>>>;
  readonly examples: readonly string[];
  run(invocation: Invocation<Specs>): Promise<ExitCode>;
}

export type Command = CommandSpec<OptionSpecs>;

/** Types the options that `run` gets by the options that are declared. */
export const defineCommand = <const Specs extends OptionSpecs>(spec: CommandSpec<Specs>): Command => spec;
