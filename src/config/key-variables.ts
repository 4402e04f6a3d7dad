// The variables of what is to be done once.
import { integer, type Variable } from './values.ts';

export const keyVariables = {
  IDEMPOTENCY_TTL_SECONDS: {
    schema: integer(120, 31_536_000),
    default: '86400',
    unit: 's',
    reason: 'How long an Idempotency-Key, or the key of an entry, and its answer are kept.',
  },
} as const satisfies Record<string, Variable>;
