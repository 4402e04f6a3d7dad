// Variables for operators: a part of variables.ts.
import { keyList, type Variable } from './values.ts';

export const operatorVariables = {
  ADMIN_KEYS: {
    schema: keyList,
    unit: 'keys',
    secret: true,
    reason:
      'When set, /queues, /sets, /cron and /admin want one of these as `Authorization: Bearer KEY`. Unset: on a loopback bind they want what /jobs wants; beyond loopback, or with ALLOWED_HOSTS or TRUSTED_PROXIES, they do not exist. The log names the key by the NAME of `NAME:KEY`.',
  },
} as const satisfies Record<string, Variable>;
