// Variables for those who run the service: keys of operators, pages, metrics, and how processes start and end.
import { bindAddress, integer, keyList, onOff, origins, processes, type Variable } from './values.ts';

export const operatorVariables = {
  ADMIN_KEYS: {
    schema: keyList,
    unit: 'keys',
    secret: true,
    reason:
      'When set, /queues, /sets, /cron and /admin want one of these as `Authorization: Bearer KEY`. Unset: on a loopback bind they want what /jobs wants; beyond loopback, or with ALLOWED_HOSTS or TRUSTED_PROXIES, they do not exist. The log names the key by the NAME of `NAME:KEY`.',
  },
  CONSOLE: {
    schema: onOff,
    default: 'on',
    unit: 'on, off',
    reason:
      'The page at /, without data of its own: what it shows and does wants the keys of the routes behind it. off: / leads to /docs.',
  },
  CORS_ORIGINS: {
    schema: origins,
    unit: 'origins',
    reason:
      'Origins whose pages may call the API from a browser, such as `https://app.example.com`, separated by commas. Each is a caller: set API_KEYS. There is no `*`. Unset: no page of another origin can.',
  },
  METRICS_ADDR: {
    schema: bindAddress(0),
    unit: 'host:port',
    reason:
      'Where any process, workers and brokers included, serves /metrics, /health and /ready, without a key. Images set 0.0.0.0:9464. Unset: nowhere but on the port of an API.',
  },
  RESULTS_REQUIRED: {
    schema: onOff,
    default: 'off',
    unit: 'on, off',
    reason:
      'on: /ready says 503 while the store of results or of keys does not answer, and an API or a worker without RESULTS_URL does not start. off: it says so and stays ready, a worker with the status `paused`.',
  },
  API_PROCESSES: {
    schema: processes(64),
    default: '1',
    unit: 'processes',
    reason:
      'API processes behind BIND_ADDR: `auto` for one on each processor. Above 1 it needs FAKTORY_URL. Limits and connections are those of each process.',
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
} as const satisfies Record<string, Variable>;
