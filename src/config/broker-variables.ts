// The variables of the embedded broker.
import { bindAddress, integer, password, path, type Variable } from './values.ts';

export const brokerVariables = {
  FAKTORY_BIND: {
    schema: bindAddress(0),
    unit: 'host:port',
    reason:
      'Where the embedded broker listens. Default: a free port of 127.0.0.1 in the all-in-one, 127.0.0.1:7419 alone. Beyond loopback it needs FAKTORY_PASSWORD.',
  },
  FAKTORY_PASSWORD: {
    schema: password,
    unit: 'text',
    secret: true,
    reason:
      'The password that the embedded broker asks for. Unset: it asks for none; the all-in-one without FAKTORY_BIND makes a random one at each start.',
  },
  BACKUP_DIR: {
    schema: path,
    unit: 'path',
    reason:
      'The folder in which POST /admin/backup makes copies of the data of the all-in-one while it runs. No other service may use it. Unset: the route does not exist.',
  },
  BROKER_LOST_WORKER_SECONDS: {
    schema: integer(0, 3600),
    default: '15',
    unit: 's',
    reason:
      'How long a worker of the embedded broker may be without a connection before its jobs are queued again and an attempt is counted. 0: the jobs wait for the end of their reservations, as in Faktory.',
  },
} as const satisfies Record<string, Variable>;
