// Reads the values of options: one function for each kind, whose error says what it accepts.
import { UsageError } from './command.ts';

const unitSeconds: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** `90`, `1.5`, `90s`, `15m`, `2h` or `1d`. Undefined when the option is not given. */
export function readSeconds(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(text) ?? [];
  if (number === undefined) throw new UsageError(`--${name} takes a time such as 90, 90s, 15m, 2h or 1d`);
  return Number(number) * (unitSeconds[unit] as number);
}

export function readInteger(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d{1,15}$/.test(text)) throw new UsageError(`--${name} takes a whole number`);
  return Number(text);
}

/** Reads an object or a list. */
export function readJson(what: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `${what} must be JSON, in single quotes for the shell: '{"a": 1}' (${(error as Error).message})`,
    );
  }
  if (typeof value !== 'object' || value === null) throw new UsageError(`${what} must be a JSON object or a list`);
  return value;
}
