// Settings that are valid one by one and do not work together. The start goes on with them; `doctor` reports them.
import type { Config } from '../../config/load.ts';
import type { VariableName } from '../../config/variables.ts';
import { fetchesPerConnectionMax } from '../../faktory/source/fetch-lane.ts';

interface Rule {
  readonly holds: (config: Config) => boolean;
  /** Shows no values, because some are secret. */
  readonly says: string;
}

const isSet = (config: Config, name: VariableName): boolean => config[name] !== undefined;
const isLoopback = (host: string): boolean => /^(127\.|localhost$|::1$)/.test(host);

const rules: readonly Rule[] = [
  {
    holds: (config) => isSet(config, 'FAKTORY_URL') && !isSet(config, 'RESULTS_URL'),
    says: 'FAKTORY_URL is set and RESULTS_URL is not: no results are kept, so status and enqueue --wait cannot tell how a job ended',
  },
  {
    holds: (config) => isSet(config, 'FAKTORY_URL') && !isSet(config, 'RESULTS_URL') && !isSet(config, 'KEYS_URL'),
    says: 'FAKTORY_URL is set, KEYS_URL and RESULTS_URL are not: no keys are kept, and a request with an Idempotency-Key is refused',
  },
  {
    holds: (config) => isSet(config, 'FAKTORY_URL') && config.FAKTORY_DURABILITY === 'unknown',
    says: 'FAKTORY_URL is set and FAKTORY_DURABILITY is not: nobody can tell what an acknowledged job survives',
  },
  {
    holds: (config) => !isSet(config, 'FAKTORY_URL') && config.FAKTORY_DURABILITY !== 'unknown',
    says: 'FAKTORY_DURABILITY has no effect without FAKTORY_URL: the embedded broker reports its own',
  },
  {
    holds: (config) => !isSet(config, 'FAKTORY_URL') && isSet(config, 'KEYS_URL'),
    says: 'KEYS_URL has no effect without FAKTORY_URL: the one process keeps its own keys',
  },
  {
    holds: (config) => isSet(config, 'FAKTORY_URL') && isSet(config, 'BACKUP_DIR'),
    says: 'BACKUP_DIR has no effect with FAKTORY_URL: the data are not in this process, and are copied where they are',
  },
  {
    holds: (config) => !isLoopback(config.BIND_ADDR.host) && !isSet(config, 'API_KEYS'),
    says: 'BIND_ADDR is beyond loopback and API_KEYS is not set: whoever reaches the port may enqueue jobs',
  },
  {
    holds: (config) =>
      isSet(config, 'ALLOWED_HOSTS') && (!isLoopback(config.BIND_ADDR.host) || isSet(config, 'API_KEYS')),
    says: 'ALLOWED_HOSTS has no effect with API_KEYS, or with a BIND_ADDR beyond loopback',
  },
  {
    holds: ({ BIND_ADDR, FAKTORY_BIND }) =>
      FAKTORY_BIND !== undefined && BIND_ADDR.port !== 0 && BIND_ADDR.port === FAKTORY_BIND.port,
    says: 'BIND_ADDR and FAKTORY_BIND have the same port: the API and the broker cannot both listen there',
  },
  {
    holds: (config) => config.WORKER_CONCURRENCY > fetchesPerConnectionMax * config.WORKER_MAX_CONNECTIONS,
    says: `WORKER_CONCURRENCY is never reached: WORKER_MAX_CONNECTIONS connections fetch ${fetchesPerConnectionMax} jobs each`,
  },
  {
    holds: (config) => config.RESULT_TTL_SECONDS < 60,
    says: 'RESULT_TTL_SECONDS is below a minute: a caller that asks a little later is told that the job is not known',
  },
];

/** One sentence for each. */
export const contradictions = (config: Config): string[] =>
  rules.filter(({ holds }) => holds(config)).map(({ says }) => says);
