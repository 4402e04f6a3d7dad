// The variables of how the service is watched.
import { bindAddress, onOff, type Variable } from './values.ts';

export const monitorVariables = {
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
} as const satisfies Record<string, Variable>;
