// Reads the environment by the table of variables, and says everything that is wrong with it at once.
import type { z } from 'zod';
import { variableNames, variables, type Variable, type VariableName } from './variables.ts';

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
 * Reads the given environment, which wins over nothing and falls back to nothing: an empty variable counts as unset, a
 * wrong one is never replaced by a default.
 *
 * @throws ConfigError with every problem
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: ConfigProblem[] = [];
  const values: Record<string, unknown> = {};
  for (const name of variableNames) {
    const variable: Variable = variables[name];
    const text = env[name] === '' ? undefined : env[name];
    const raw = text ?? variable.default;
    if (raw === undefined) continue;
    const parsed = variable.schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else problems.push({ variable: name, got: show(variable, raw), accepts: parsed.error.issues[0]?.message ?? '' });
  }
  const config = values as Config;
  problems.push(...brokenRelations(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}

const show = (variable: Variable, text: string): string =>
  variable.secret ? '(hidden)' : JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);

type NumberName = { [N in VariableName]: Config[N] extends number ? N : never }[VariableName];

interface Relation {
  variables: readonly NumberName[];
  holds: (config: Config) => boolean;
  accepts: string;
}

const relations: readonly Relation[] = [
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
    accepts: 'at least 7: the server gives its own verdict after about 6 s',
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

const brokenRelations = (config: Config): ConfigProblem[] =>
  relations
    .filter(({ variables: names, holds }) => names.every((name) => name in config) && !holds(config))
    .map(({ variables: names, accepts }) => ({
      variable: names.join(', '),
      got: names.map((name) => String(config[name])).join(', '),
      accepts,
    }));
