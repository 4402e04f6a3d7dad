// Variables for operators: a part of variables.ts.
import { keyList, onOff, origins, type Variable } from './values.ts';

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
} as const satisfies Record<string, Variable>;
