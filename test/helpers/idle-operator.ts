// An operator of a broker that holds nothing, for tests of the routes.
import type { Operator } from '../../src/domain/operator.ts';

export const idleOperator: Operator = {
  queues: async () => [],
  setPaused: async () => true,
  page: async () => ({ total: 0, jobs: [], cursor: undefined }),
  change: async () => 1,
  close: async () => undefined,
};
