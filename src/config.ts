// The only description of the environment: every variable with its unit, default, accepted values and reason.
// `.env.example`, the profiles, the compose files and the table in the README are compared with it by tests.
import { z } from 'zod';

export interface FaktoryAddress {
  host: string;
  port: number;
  tls: boolean;
  password: string | undefined;
}

export interface BindAddress {
  host: string;
  port: number;
}

interface Variable<T extends z.ZodType = z.ZodType> {
  /** Reads the text of a variable that is set; its error message says what is accepted. */
  schema: T;
  /** As text, the way it stands in `.env.example`; undefined: the variable has no default. */
  default?: string;
  unit: string;
  reason: string;
  /** Its value is never printed. */
  secret?: true;
}

const integer = (min: number, max: number) => {
  const accepts = `an integer from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, accepts)
    .transform(Number)
    .refine((value) => value >= min && value <= max, accepts);
};

const seconds = (min: number, max: number) => {
  const accepts = `a number of seconds from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+(\.\d+)?$/, accepts)
    .transform(Number)
    .refine((value) => value >= min && value <= max, accepts);
};

const bindAddress = (portMin: 0 | 1) => {
  const accepts = `host:port, with a port from ${portMin} to 65535 (IPv6 in brackets)`;
  return z.string().transform((text, context): BindAddress => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
    const port = Number(match?.[3]);
    if (match && port >= portMin && port <= 65_535) return { host: (match[1] ?? match[2]) as string, port };
    context.addIssue({ code: 'custom', message: accepts });
    return z.NEVER;
  });
};

// The library's own reading ignores the scheme and keeps the brackets of IPv6 (faktory-worker 4.7.1).
const faktoryUrl = z.string().transform((text, context): FaktoryAddress => {
  try {
    const url = new URL(text);
    const scheme = url.protocol.slice(0, -1);
    const rest = url.pathname + url.search + url.hash;
    if (
      (scheme === 'tcp' || scheme === 'tcp+tls') &&
      url.hostname !== '' &&
      url.port !== '0' &&
      (rest === '' || rest === '/')
    ) {
      return {
        host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1'),
        port: url.port === '' ? 7419 : Number(url.port),
        tls: scheme === 'tcp+tls',
        password: url.password === '' ? undefined : decodeURIComponent(url.password),
      };
    }
  } catch {
    // not a URL: reported below with what is accepted
  }
  context.addIssue({ code: 'custom', message: 'tcp://[:password@]host[:port] or tcp+tls://..., percent-encoded' });
  return z.NEVER;
});

const redisUrl = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^rediss?:$/.test(new URL(text).protocol) && new URL(text).hostname !== '',
    'redis://[:password@]host[:port][/db]',
  );

const commaList = (pattern: RegExp, accepts: string) =>
  z
    .string()
    .transform((text) => text.split(',').map((item) => item.trim()))
    .refine((items) => items.every((item) => pattern.test(item)) && new Set(items).size === items.length, accepts);

export const durabilityClasses = ['fsync', 'second', 'snapshot', 'memory', 'unknown'] as const;
export type Durability = (typeof durabilityClasses)[number];

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export const variables = {
  FAKTORY_URL: {
    schema: faktoryUrl,
    unit: 'URL',
    secret: true,
    reason: 'The Faktory to use. Unset: `npm start` runs its own broker and worker. Percent-encode the password.',
  },
  FAKTORY_DURABILITY: {
    schema: z.enum(durabilityClasses, `one of ${durabilityClasses.join(', ')}`),
    default: 'unknown',
    unit: 'class',
    reason: 'What that Faktory keeps through a crash; it cannot be asked. The embedded broker reports its own.',
  },
  FAKTORY_MAX_CONNECTIONS: {
    schema: integer(1, 1000),
    default: '10',
    unit: 'connections',
    reason: 'Of one API process, opened at start. Few pipelined ones beat many; the server allows 2,000 in all.',
  },
  FAKTORY_CONNECTION_TIMEOUT: {
    schema: seconds(0.1, 60),
    default: '5',
    unit: 's',
    reason: 'Connect, TLS, greeting and HELLO together.',
  },
  FAKTORY_READ_TIMEOUT: {
    schema: seconds(0.1, 60),
    default: '10',
    unit: 's',
    reason: "Of a connection's oldest command; starts again at every reply. The server itself answers by about 6 s.",
  },
  FAKTORY_WRITE_TIMEOUT: {
    schema: seconds(0.1, 60),
    default: '5',
    unit: 's',
    reason: 'Until the kernel took the bytes of a frame.',
  },
  FAKTORY_ACQUIRE_TIMEOUT_MS: {
    schema: integer(10, 60_000),
    default: '6000',
    unit: 'ms',
    reason: "A job's wait for a live connection with a free pipeline slot; then 503, certainly not enqueued.",
  },
  FAKTORY_KEEPALIVE_DELAY_MS: {
    schema: integer(1000, 7_200_000),
    default: '60000',
    unit: 'ms',
    reason: "Idle time before TCP probes; a dead peer is seen 10 s later (interval and count are libuv's: 1 s, 10).",
  },
  FAKTORY_BIND: {
    schema: bindAddress(0),
    unit: 'host:port',
    reason:
      'Where the embedded broker listens. Default: a free port of 127.0.0.1 in the all-in-one, 127.0.0.1:7419 alone.',
  },
  FAKTORY_PASSWORD: {
    schema: z.string(),
    unit: 'text',
    secret: true,
    reason: 'The password that the embedded broker asks for. Unset: none.',
  },
  ENQUEUE_TIMEOUT_MS: {
    schema: integer(100, 60_000),
    default: '20000',
    unit: 'ms',
    reason: 'The caller has an answer by then; the connection is left alone.',
  },
  ENQUEUE_MAX_PENDING_JOBS: {
    schema: integer(1000, 1_000_000),
    default: '20000',
    unit: 'jobs',
    reason: 'Waiting and in flight together; above it 503 at once.',
  },
  ENQUEUE_MAX_PENDING_BYTES: {
    schema: integer(1_048_576, 1_073_741_824),
    default: '16777216',
    unit: 'bytes',
    reason: 'The same bound in bytes of job JSON.',
  },
  BATCH_MAX_SIZE: {
    schema: integer(1, 1000),
    default: '100',
    unit: 'jobs',
    reason: 'Jobs of one frame (PUSHB); a frame also ends at 14 KB, one initial TCP window.',
  },
  BATCH_MAX_DELAY_MS: {
    schema: integer(0, 1000),
    default: '0',
    unit: 'ms',
    reason: 'How long a frame that is not full may wait although a slot is free, while another is in flight.',
  },
  BATCH_MAX_JOBS: {
    schema: integer(1, 10_000),
    default: '1000',
    unit: 'jobs',
    reason: 'Entries of one batch request.',
  },
  BATCH_BODY_BYTES_MAX: {
    schema: integer(16_384, 8_388_608),
    default: '524288',
    unit: 'bytes',
    reason: 'Decoded bytes of one batch request: parsing is what blocks the process.',
  },
  SHUTDOWN_TIMEOUT_MS: {
    schema: integer(1000, 32_999),
    default: '28000',
    unit: 'ms',
    reason: 'From SIGTERM to exit at the latest; containers are given 35 s.',
  },
  SHUTDOWN_DRAIN_DELAY_MS: {
    schema: integer(0, 30_000),
    default: '2000',
    unit: 'ms',
    reason: 'After SIGTERM /ready says 503 for this long before the port closes, so that a balancer can notice.',
  },
  WORKER_CONCURRENCY: {
    schema: integer(1, 10_000),
    default: '50',
    unit: 'jobs',
    reason: 'Jobs running at once in a worker process; distance wants more, not fewer.',
  },
  WORKER_MAX_CONNECTIONS: {
    schema: integer(1, 1000),
    default: '64',
    unit: 'connections',
    reason: 'Fetch connections of a worker process; each carries at most 10 FETCHes.',
  },
  WORKER_QUEUES: {
    schema: commaList(
      /^[a-zA-Z0-9._-]+$/,
      'queue names of letters, digits, ".", "_", "-", separated by commas, each once',
    ),
    default: 'default',
    unit: 'names',
    reason: 'The queues that the worker fetches from, the first one first.',
  },
  WORKER_POLL_INTERVAL_MS: {
    schema: integer(0, 60_000),
    default: '0',
    unit: 'ms',
    reason: 'Pause after an empty FETCH, which itself waits about 2 s on the server.',
  },
  WORKER_HEARTBEAT_INTERVAL: {
    schema: seconds(0.1, 59),
    default: '15',
    unit: 's',
    reason: 'The server forgets a worker after 60 s without a BEAT.',
  },
  RESULTS_URL: {
    schema: redisUrl,
    unit: 'URL',
    secret: true,
    reason: 'The Redis that keeps results. The all-in-one process keeps its own without it.',
  },
  RESULT_TTL_SECONDS: {
    schema: integer(1, 31_536_000),
    default: '86400',
    unit: 's',
    reason: 'How long results, and ids of jobs without one, are kept.',
  },
  RESULTS_MAX: {
    schema: integer(1000, 100_000_000),
    default: '1000000',
    unit: 'jobs',
    reason: 'The embedded result store keeps the latest ones.',
  },
  DATA_DIR: {
    schema: z.string(),
    default: './data',
    unit: 'path',
    reason: 'Where the embedded broker and result store keep their data.',
  },
  BIND_ADDR: {
    schema: bindAddress(0),
    default: '127.0.0.1:3000',
    unit: 'host:port',
    reason: 'Where the API listens. Images set 0.0.0.0:3000.',
  },
  API_KEYS: {
    schema: commaList(
      /^[\x21-\x2b\x2d-\x7e]{16,200}$/,
      'keys of 16 to 200 visible ASCII characters, separated by commas',
    ),
    unit: 'keys',
    secret: true,
    reason: 'When set, /jobs and /metrics want `Authorization: Bearer KEY`. Several, so that they can be rotated.',
  },
  LOG_LEVEL: {
    schema: z.enum(logLevels, `one of ${logLevels.join(', ')}`),
    default: 'info',
    unit: 'level',
    reason: 'Requests are logged at debug.',
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof variables;
export const variableNames = Object.keys(variables) as VariableName[];

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

/** Variables of the original service that have another name here, with what to use instead. */
const formerNames: Readonly<Record<string, string>> = {
  RUST_LOG: 'use LOG_LEVEL',
  TCP_KEEPALIVE_INTERVAL: "the interval is libuv's, 1 s; FAKTORY_KEEPALIVE_DELAY_MS sets the delay",
  TCP_KEEPALIVE_PROBES: "the count is libuv's, 10; FAKTORY_KEEPALIVE_DELAY_MS sets the delay",
};

/** What begins like this and is not in the table is most likely a slip of the pen. */
const ownPrefix = /^(FAKTORY|ENQUEUE|BATCH|WORKER|SHUTDOWN|RESULTS?)_/;
/** Kubernetes sets these for a service that is called `faktory`. */
const ofKubernetes = /_(SERVICE_(HOST|PORT)|PORT)(_|$)/;

/** One sentence per variable that is set and has no effect here. */
export function configWarnings(env: Readonly<Record<string, string | undefined>>): string[] {
  const former = Object.entries(formerNames).map(([name, instead]) => [name, `has no effect: ${instead}`] as const);
  const unknown = Object.keys(env)
    .filter((name) => ownPrefix.test(name) && !ofKubernetes.test(name) && !Object.hasOwn(variables, name))
    .map((name) => [name, 'has no effect: there is no variable of this name'] as const);
  return [...former, ...unknown].filter(([name]) => env[name]).map((words) => words.join(' '));
}
