// The variables of processes: how many there are, and how each ends.
import { integer, processes, type Variable } from './values.ts';

export const processVariables = {
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
