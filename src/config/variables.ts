// The only description of the environment: every variable with its unit, default, accepted values and reason.
// `.env.example`, the profiles, the compose files and the table in docs/configuration.md are compared with it by tests.
import { z } from 'zod';
import { brokerVariables } from './broker-variables.ts';
import { jobVariables } from './job-variables.ts';
import { keyVariables } from './key-variables.ts';
import { operatorVariables } from './operator-variables.ts';
import {
  bindAddress,
  commaList,
  faktoryUrl,
  integer,
  keyList,
  networks,
  path,
  redisUrl,
  seconds,
  type Variable,
} from './values.ts';

const durabilityClasses = ['fsync', 'second', 'snapshot', 'memory', 'unknown'] as const;
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
    reason: 'What that Faktory keeps through a crash. It cannot be asked. The embedded broker reports its own.',
  },
  FAKTORY_MAX_CONNECTIONS: {
    schema: integer(1, 1000),
    default: '10',
    unit: 'connections',
    reason:
      'Connections of one API process, opened at start. A few pipelined connections are faster than many. Only with a Redis that has appendfsync always, 40 connections store twice as many jobs of batches. Faktory allows 2,000 connections in all.',
  },
  FAKTORY_CONNECTION_TIMEOUT: {
    schema: seconds(0.1, 60),
    default: '5',
    unit: 's',
    reason: 'The most time for TCP, TLS, the greeting and HELLO together.',
  },
  FAKTORY_READ_TIMEOUT: {
    schema: seconds(0.1, 60),
    default: '10',
    unit: 's',
    reason:
      'The most time that the oldest command of a connection waits; it starts again at every reply. Faktory itself replies within about 6 s.',
  },
  FAKTORY_WRITE_TIMEOUT: {
    schema: seconds(0.1, 60),
    default: '5',
    unit: 's',
    reason: 'The most time until the kernel has taken the bytes of a frame.',
  },
  FAKTORY_ACQUIRE_TIMEOUT_MS: {
    schema: integer(10, 60_000),
    default: '6000',
    unit: 'ms',
    reason:
      'How long a job waits for a connection that has room for its frame. Then the response is 503 and the job is certainly not enqueued.',
  },
  FAKTORY_KEEPALIVE_DELAY_MS: {
    schema: integer(1000, 7_200_000),
    default: '60000',
    unit: 'ms',
    reason: 'Idle time before TCP sends probes. A dead peer is noticed 10 s later (libuv sends 10 probes, 1 s apart).',
  },
  ...brokerVariables,
  ENQUEUE_TIMEOUT_MS: {
    schema: integer(100, 60_000),
    default: '20000',
    unit: 'ms',
    reason: 'The caller has its response after this time at the latest. The connection to the broker stays open.',
  },
  ENQUEUE_MAX_PENDING_JOBS: {
    schema: integer(1000, 1_000_000),
    default: '20000',
    unit: 'jobs',
    reason: 'The most jobs that wait or are in flight. Above the limit the response is 503 at once.',
  },
  ENQUEUE_MAX_PENDING_BYTES: {
    schema: integer(1_048_576, 1_073_741_824),
    default: '16777216',
    unit: 'bytes',
    reason: "The same limit in bytes of the jobs' JSON.",
  },
  BATCH_MAX_SIZE: {
    schema: integer(1, 1000),
    default: '100',
    unit: 'jobs',
    reason: 'The most jobs of one frame (PUSHB). A frame also ends at 14 KB, which one initial TCP window holds.',
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
    reason: 'The most entries of one batch request.',
  },
  BATCH_BODY_BYTES_MAX: {
    schema: integer(16_384, 8_388_608),
    default: '524288',
    unit: 'bytes',
    reason: 'The most bytes of one batch request after decoding. The process does nothing else while it parses them.',
  },
  ...jobVariables,
  JOBS_DIR: {
    schema: z.string(),
    default: './jobs',
    unit: 'path',
    reason: 'The folder of your own job types, one file each; it may be absent.',
  },
  WORKER_CONCURRENCY: {
    schema: integer(1, 10_000),
    default: '50',
    unit: 'jobs',
    reason:
      'Jobs that run at once in a worker process. A distant broker needs more of them. A queue with slots of its own, such as `http`, has as many again.',
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
    unit: 'names',
    reason:
      'The queues that the worker fetches from. A queue has its turn while those before it are empty. Default: the queues of the job types that it can run, in random order.',
  },
  WORKER_POLL_INTERVAL_MS: {
    schema: integer(0, 60_000),
    default: '0',
    unit: 'ms',
    reason: 'Pause after an empty FETCH, which itself waits about 2 s in the broker.',
  },
  WORKER_HEARTBEAT_INTERVAL: {
    schema: seconds(0.1, 59),
    default: '15',
    unit: 's',
    reason: 'Faktory forgets a worker after 60 s without a BEAT.',
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
    reason: 'How long results are kept, and the ids of jobs without a result.',
  },
  RESULTS_MAX: {
    schema: integer(1000, 100_000_000),
    default: '1000000',
    unit: 'jobs',
    reason: 'How many results the embedded store keeps: those of the latest jobs.',
  },
  ...keyVariables,
  DATA_DIR: {
    schema: path,
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
    schema: keyList,
    unit: 'keys',
    secret: true,
    reason:
      'When set, /jobs and /metrics want `Authorization: Bearer KEY`. Several, so that they can be rotated. `NAME:KEY` gives callers idempotency keys of their own; two keys may have one name.',
  },
  ALLOWED_HOSTS: {
    schema: commaList(
      /^([A-Za-z0-9][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])$/,
      'host names without a port, separated by commas, each once',
    ),
    unit: 'names',
    reason:
      'On a loopback bind without API_KEYS only localhost, 127.0.0.1, [::1] and these are accepted, with any port: a web page may have its own name resolve to this machine.',
  },
  CONNECTIONS_PER_ADDRESS_MAX: {
    schema: integer(1, 10_000),
    default: '2500',
    unit: 'connections',
    reason:
      'Of one address, or of one IPv6 network of 64 bits, out of 10,000. Raise it where many callers share one address (NAT). Loopback is excepted.',
  },
  TRUSTED_PROXIES: {
    schema: networks,
    unit: 'addresses',
    reason:
      'Proxies and balancers in front, as addresses or networks: many callers come from each, so CONNECTIONS_PER_ADDRESS_MAX does not hold for them.',
  },
  HTTP_KEEPALIVE_SECONDS: {
    schema: integer(1, 3600),
    default: '72',
    unit: 's',
    reason:
      'How long an idle connection of a caller stays open: longer than the balancer in front holds it, 60 s mostly, so that no request meets a closing one. Requests under way have timers of their own.',
  },
  ...operatorVariables,
  LOG_LEVEL: {
    schema: z.enum(logLevels, `one of ${logLevels.join(', ')}`),
    default: 'info',
    unit: 'level',
    reason: 'Requests are logged at debug.',
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof variables;
export const variableNames = Object.keys(variables) as VariableName[];
