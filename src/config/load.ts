// Reads the environment by the table of variables, and says everything that is wrong with it at once.
import type { z } from 'zod';
import { keyOf, type Variable } from './values.ts';
import { variableNames, variables, type VariableName } from './variables.ts';

type Value<N extends VariableName> = z.output<(typeof variables)[N]['schema']>;
type Defaulted<N extends VariableName> = (typeof variables)[N] extends { default: string }
  ? Value<N>
  : Value<N> | undefined;
export type Config = { readonly [N in VariableName]: Defaulted<N> };

export interface ConfigProblem {
  variable: string;
  got: string;
  accepts: string;
}

/** Every problem of the environment at once; the message is ready to be printed. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ variable, got, accepts }) => `  ${variable}: got ${got}; accepts ${accepts}`);
    super(`The environment has ${problems.length} problem(s):\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

/**
 * Reads the given environment and nothing else. An empty variable counts as unset. A wrong value is never replaced by a
 * default.
 *
 * @param fileProblems problems of the .env file from which a part of the environment came
 * @throws ConfigError with every problem
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  fileProblems: readonly ConfigProblem[] = [],
): Config {
  const problems = [...fileProblems];
  const values: Record<string, unknown> = {};
  for (const name of variableNames) {
    const variable: Variable = variables[name];
    const text = env[name] === '' ? undefined : env[name];
    const raw = text ?? variable.default;
    if (raw === undefined) continue;
    const wrapping = wrappingOf(raw);
    const parsed = variable.schema.safeParse(raw);
    if (wrapping !== undefined) problems.push(problemOf(name, raw, wrapping));
    else if (parsed.success) values[name] = parsed.data;
    else problems.push(problemOf(name, raw, parsed.error.issues[0]?.message ?? ''));
  }
  const config = values as Config;
  problems.push(...brokenRelations(config), ...sharedKeys(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}

export function problemOf(name: VariableName, text: string, accepts: string): ConfigProblem {
  const { secret }: Variable = variables[name];
  const got = secret ? '(hidden)' : JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  return { variable: name, got, accepts };
}

/** Editors, `docker run --env-file` and unit files leave these characters around a value, and they would become a part of it. */
function wrappingOf(text: string): string | undefined {
  if (/[\u0000-\u001f\u007f]/.test(text)) return 'no control characters (a CR is what Windows ends a line with)';
  if (text !== text.trim()) return 'no spaces around it';
  if (/^(["'`]).*\1$/.test(text)) return 'no quotes around it: here they would be a part of the value';
  return undefined;
}

type NumberName = { [N in VariableName]: Config[N] extends number ? N : never }[VariableName];

export interface Relation {
  variables: readonly NumberName[];
  holds: (config: Config) => boolean;
  accepts: string;
}

/** Rules between variables. */
export const relations: readonly Relation[] = [
  {
    variables: ['FAKTORY_CONNECTION_TIMEOUT', 'FAKTORY_ACQUIRE_TIMEOUT_MS'],
    holds: (c) => c.FAKTORY_CONNECTION_TIMEOUT * 1000 < c.FAKTORY_ACQUIRE_TIMEOUT_MS,
    accepts: 'a connection timeout below the acquire timeout',
  },
  {
    variables: ['FAKTORY_ACQUIRE_TIMEOUT_MS', 'FAKTORY_READ_TIMEOUT', 'ENQUEUE_TIMEOUT_MS'],
    holds: (c) => c.FAKTORY_ACQUIRE_TIMEOUT_MS + c.FAKTORY_READ_TIMEOUT * 1000 < c.ENQUEUE_TIMEOUT_MS,
    accepts: 'acquire + read timeout below the enqueue timeout',
  },
  {
    variables: ['ENQUEUE_TIMEOUT_MS', 'SHUTDOWN_DRAIN_DELAY_MS', 'SHUTDOWN_TIMEOUT_MS'],
    holds: (c) => c.ENQUEUE_TIMEOUT_MS + c.SHUTDOWN_DRAIN_DELAY_MS + 2000 <= c.SHUTDOWN_TIMEOUT_MS,
    accepts: 'enqueue timeout + drain delay + 2000 at most the shutdown timeout',
  },
  {
    variables: ['FAKTORY_READ_TIMEOUT'],
    holds: (c) => c.FAKTORY_READ_TIMEOUT >= 7,
    accepts: 'at least 7: Faktory itself replies with an error after about 6 s',
  },
  {
    variables: ['BATCH_MAX_JOBS', 'BATCH_BODY_BYTES_MAX'],
    holds: (c) => c.BATCH_BODY_BYTES_MAX >= 400 * c.BATCH_MAX_JOBS,
    accepts: 'at least 400 bytes of body for each job of a batch',
  },
  {
    variables: ['BATCH_MAX_JOBS', 'ENQUEUE_MAX_PENDING_JOBS'],
    holds: (c) => c.BATCH_MAX_JOBS <= c.ENQUEUE_MAX_PENDING_JOBS,
    accepts: 'room for one full batch among the pending jobs',
  },
];

/** An operator's key that callers know would let them do what only operators may do, and the log could name either of them. */
function sharedKeys({ API_KEYS: api = [], ADMIN_KEYS: admin = [] }: Partial<Config>): ConfigProblem[] {
  const own = new Set(api.map(keyOf));
  if (!admin.some((item) => own.has(keyOf(item)))) return [];
  return [{ variable: 'API_KEYS, ADMIN_KEYS', got: '(hidden)', accepts: 'no KEY in both: callers would be operators' }];
}

const brokenRelations = (config: Config): ConfigProblem[] =>
  relations
    .filter(({ variables: names, holds }) => names.every((name) => name in config) && !holds(config))
    .map(({ variables: names, accepts }) => ({
      variable: names.join(', '),
      got: names.map((name) => String(config[name])).join(', '),
      accepts,
    }));
