// Whether a Redis may keep keys: a Redis that evicts would forget keys without a word, and repeated requests would make
// second jobs. Redis is asked at every connection, because its name may lead to another server, and by the check of /ready,
// because its settings may have changed.
import type { Redis } from 'ioredis';
import { KeyStoreError } from '../domain/keys.ts';
import { createOutageLog, type RedisLog, type OutageLog } from '../results/redis-connection.ts';

export interface Fitness {
  /** The crash that a key survives, by the settings that Redis reports. */
  readonly durability: string;
  /** Rejects with a KeyStoreError unless the Redis of this connection was fit when it was asked last. */
  check(): Promise<void>;
  /** Asks Redis again, then does as `check`. */
  look(): Promise<void>;
}

interface Found {
  durability: string;
  /** Undefined: it is fit. */
  problem: string | undefined;
}

export function createFitness(redis: Redis, log: RedisLog): Fitness {
  let found: Promise<Found> | undefined;
  let latest: Found | undefined;
  const silence = createOutageLog(
    log,
    'Redis does not say whether it evicts keys: it must not',
    'Redis says whether it evicts keys',
  );

  async function ask(): Promise<Found> {
    const durability = await durabilityOf(redis);
    const policy = await evictionOf(redis, silence);
    const problem =
      policy === undefined
        ? undefined
        : `Redis would forget keys when it is full: set its maxmemory-policy to noeviction (it is ${policy}), or KEYS_URL to another Redis`;
    if (problem !== undefined && latest?.problem !== problem) log.warn({}, `keys are refused: ${problem}`);
    if (problem === undefined && latest === undefined) log.info({ durability }, 'keys are kept in Redis');
    latest = { durability: problem === undefined ? durability : 'none', problem };
    return latest;
  }

  redis.on('close', () => (found = undefined));
  redis.on('ready', () => void check().catch(() => undefined));

  function requireReady(): void {
    if (redis.status !== 'ready') throw new KeyStoreError('away', 'Redis is away');
  }

  async function requireFit(asked: Promise<Found>): Promise<void> {
    try {
      const { problem } = await asked;
      if (problem !== undefined) throw new KeyStoreError('unkept', problem);
    } catch (error) {
      if (error instanceof KeyStoreError) throw error;
      if (found === asked) found = undefined;
      throw new KeyStoreError('away', 'Redis gave no reply', error);
    }
  }

  async function check(): Promise<void> {
    requireReady();
    await requireFit((found ??= ask()));
  }

  return {
    get durability() {
      return latest?.durability ?? 'unknown';
    },
    check,
    async look() {
      requireReady();
      const asked = ask();
      // Until the reply comes, claims rely on the earlier reply.
      await asked.then(
        () => (found = asked),
        () => undefined,
      );
      await requireFit(asked);
    },
  };
}

/** The policy of a Redis that evicts. Undefined: it never evicts, or does not say. */
async function evictionOf(redis: Redis, silence: OutageLog): Promise<string | undefined> {
  try {
    const info = await redis.info('memory');
    const policy = /^maxmemory_policy:([a-z-]+)/m.exec(info)?.[1];
    silence.ended();
    // A Redis without a memory limit counts as well, because a limit may be set at any time.
    return policy === 'noeviction' ? undefined : policy;
  } catch (error) {
    if ((error as Error).name !== 'ReplyError') throw error;
    silence.began(error as Error);
    return undefined;
  }
}

async function durabilityOf(redis: Redis): Promise<string> {
  try {
    const pairs = await redis.config('GET', 'append*');
    const setting = (name: string): string | undefined => pairs[pairs.indexOf(name) + 1];
    if (setting('appendonly') !== 'yes') return 'snapshot';
    return { always: 'fsync', everysec: 'second' }[setting('appendfsync') ?? ''] ?? 'snapshot';
  } catch (error) {
    // Many hosts do not allow CONFIG.
    if ((error as Error).name !== 'ReplyError') throw error;
    return 'unknown';
  }
}
