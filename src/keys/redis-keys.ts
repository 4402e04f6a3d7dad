// Idempotency keys in Redis, for API processes that do not share a broker's disk: one script runs before the jobs are pushed,
// another after it (docs/decisions/0023-keys-in-redis.md). Each claim has an owner, so that a command that arrives late, or
// twice, changes no other claim.
import { systemClock } from '../domain/clock.ts';
import { bytesOf } from '../domain/digest.ts';
import { createGather } from '../domain/gather.ts';
import { KeyStoreError, type Claim, type KeyStore } from '../domain/keys.ts';
import { Outbox } from '../results/outbox.ts';
import { checkRedis, createOutageLog, closeRedis, openRedis, type RedisLog } from '../results/redis-connection.ts';
import { createFitness } from './fitness.ts';
import { lookUpRecord, ownerOf, recordOf, states, verdictOf, type Found, type Told } from './records.ts';
import { claimScript, settleScript, withdrawn } from './scripts.ts';

export interface RedisKeysOptions {
  /** `redis://` or `rediss://`. */
  url: string;
  ttlSeconds: number;
  /** A claim that is older does not count as under way. */
  underWayMsMax: number;
  log: RedisLog;
}

/** Claims of one script, which blocks Redis for about 2 ms. */
const groupMax = 500;

/** About 20 MB. A claim whose outcome was forgotten becomes unknown. */
const unsentMax = 20_000;

const keyOf = ({ id }: Claim): string => `work-factory:key:${bytesOf(id).toString('base64url')}`;
/** No key has this form. */
const probeKey = 'work-factory:key:probe';
const probeMs = 1000;

export function createRedisKeys({ url, ttlSeconds, underWayMsMax, log }: RedisKeysOptions): KeyStore {
  const redis = openRedis('keys', url, log);
  const fitness = createFitness(redis, log);
  const ttlMs = ttlSeconds * 1000;
  const clock = systemClock;
  const ask = createGather<Claim, Found>({ ask: sendClaims, itemsMax: groupMax, clock });
  const tell = createGather<Told, undefined>({ ask: sendSettlements, itemsMax: groupMax, clock });
  const unsent = new Outbox<Told>({
    send: (told) => tell(told),
    nameOf: ({ claim }) => ownerOf(claim),
    itemsMax: unsentMax,
    redis,
    outage: createOutageLog(
      log,
      'the store of keys did not take some outcomes: they are sent again',
      'the store of keys has taken all outcomes',
    ),
    clock,
  });

  async function sendClaims(claims: readonly Claim[]): Promise<Found[]> {
    const values = claims.flatMap((claim) =>
      claim.jids.length === 0 ? lookUpRecord(claim) : recordOf(states.open, claim, ttlMs),
    );
    return (await redis.eval(claimScript, claims.length, ...claims.map(keyOf), ...values)) as Found[];
  }

  async function sendSettlements(told: readonly Told[]): Promise<undefined[]> {
    const values = told.flatMap(({ claim, outcome, response, jids }) =>
      recordOf(states[outcome], claim, ttlMs, response, jids),
    );
    await redis.eval(settleScript, told.length, ...told.map(({ claim }) => keyOf(claim)), ...values);
    return told.map(() => undefined);
  }

  return {
    get durability() {
      return fitness.durability;
    },
    async claim(claims) {
      await fitness.check();
      try {
        const found = await ask(claims);
        if (found.some(([word]) => word === withdrawn)) throw new Error('the claim was withdrawn before it arrived');
        return found.map((one, index) => verdictOf(claims[index] as Claim, one, underWayMsMax));
      } catch (error) {
        // The command may still arrive, and must find its claims withdrawn then.
        void unsent.send(withdrawalsOf(claims));
        throw errorOf(error as Error);
      }
    },
    // Records and jobs are in two stores: they cannot be written together.
    attach: () => undefined,
    settle: (settlements) => unsent.send(settlements),
    // The check writes, because a Redis that is full, or a replica, still serves reads.
    check: () =>
      checkRedis(redis, async () => {
        await fitness.look();
        await redis.set(probeKey, '', 'PX', probeMs);
      }),
    async close() {
      unsent.close();
      await closeRedis(redis);
    },
  };
}

const withdrawalsOf = (claims: readonly Claim[]): Told[] =>
  claims.filter(({ jids }) => jids.length > 0).map((claim) => ({ claim, outcome: withdrawn }));

const errorOf = (error: Error): KeyStoreError =>
  error.message.includes('OOM')
    ? new KeyStoreError('full', 'Redis is full', error)
    : new KeyStoreError('away', 'Redis gave no reply', error);
