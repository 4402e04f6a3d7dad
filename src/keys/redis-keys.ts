// What is to be done once, for API processes that do not share a broker's disk: one script before the jobs are pushed, one
// after (docs/decisions/0023-keys-in-redis.md). Each claim has an owner, so that what arrives late, or twice, changes nothing of others.
import { systemClock } from '../domain/clock.ts';
import { createGather } from '../domain/gather.ts';
import {
  KeyStoreError,
  type Claim,
  type KeptAnswer,
  type KeyStore,
  type Settlement,
  type Verdict,
} from '../domain/keys.ts';
import { openRedis, untilReady, type RedisLog } from '../results/redis-connection.ts';
import { createFitness } from './fitness.ts';
import { claimScript, fingerprintChars, headChars, settleScript, withdrawn } from './scripts.ts';
import { createUntold } from './untold.ts';

export interface RedisKeysOptions {
  /** `redis://` or `rediss://`. */
  url: string;
  ttlSeconds: number;
  /** A claim that is older is no longer said to be under way. */
  underWayMsMax: number;
  log: RedisLog;
}

/** Redis does nothing else meanwhile: about 2 ms. */
const groupMax = 500;

const keyOf = ({ id }: Claim): string => `work-factory:key:${id.toString('base64url')}`;
/** Not of the form of a key. */
const probeKey = 'work-factory:key:probe';
const probeMs = 1000;
const fingerprintOf = ({ fingerprint }: Claim): string => fingerprint.toString('base64url');
const ownerOf = ({ jids: [first = ''] }: Claim): string => first;

/** What a script answers: a word, or a record and how long it is still kept. */
type Found = [text: string, leftMs?: number];

type Told = Omit<Settlement, 'outcome'> & { readonly outcome: Settlement['outcome'] | typeof withdrawn };

const states = { open: 'o', done: 'd', unknown: 'u', refused: 'x', withdrawn: 'w' } as const;

/** After the head: the status, the jids, the time for which it is kept, and the body behind a line feed. */
function recordOf(
  state: (typeof states)[keyof typeof states],
  claim: Claim,
  ttlMs: number,
  { status, body } = claim.answer,
  jids = claim.jids,
): (string | number)[] {
  const { lockMs: keptMs = ttlMs } = claim;
  return [keptMs, `${state}${fingerprintOf(claim)}${ownerOf(claim)}${status} ${jids.join(',')} ${keptMs}\n${body}`];
}

interface Read {
  state: string;
  fingerprint: string;
  jids: string[];
  keptMs: number;
  answer: KeptAnswer;
}

function readRecord(record: string): Read {
  const end = record.indexOf('\n');
  const [status, jids = '', keptMs] = record.slice(headChars, end).split(' ');
  return {
    state: record.slice(0, 1),
    fingerprint: record.slice(1, 1 + fingerprintChars),
    jids: jids.split(','),
    keptMs: Number(keptMs),
    answer: { status: Number(status), body: record.slice(end + 1) },
  };
}

export function createRedisKeys({ url, ttlSeconds, underWayMsMax, log }: RedisKeysOptions): KeyStore {
  const redis = openRedis('keys', url, log);
  const fitness = createFitness(redis, log);
  const ttlMs = ttlSeconds * 1000;
  const clock = systemClock;
  const ask = createGather<Claim, Found>({ ask: sendClaims, itemsMax: groupMax, clock });
  const tell = createGather<Told, undefined>({ ask: sendSettlements, itemsMax: groupMax, clock });
  const untold = createUntold<Told>({
    tell: (told) => tell(told),
    isReady: () => redis.status === 'ready',
    nameOf: ({ claim }) => ownerOf(claim),
    clock,
    log,
  });

  async function sendClaims(claims: readonly Claim[]): Promise<Found[]> {
    // Without an owner nothing is stored: a record that ends with the fingerprint.
    const values = claims.flatMap((claim) =>
      claim.jids.length === 0 ? [0, `${states.open}${fingerprintOf(claim)}`] : recordOf(states.open, claim, ttlMs),
    );
    return (await redis.eval(claimScript, claims.length, ...claims.map(keyOf), ...values)) as Found[];
  }

  async function sendSettlements(told: readonly Told[]): Promise<undefined[]> {
    const values = told.flatMap(({ claim, outcome, answer, jids }) =>
      recordOf(states[outcome], claim, ttlMs, answer, jids),
    );
    await redis.eval(settleScript, told.length, ...told.map(({ claim }) => keyOf(claim)), ...values);
    return told.map(() => undefined);
  }

  function verdictOf(claim: Claim, [text, leftMs = 0]: Found): Verdict {
    if (text === 'claimed' || text === 'absent') return { state: text };
    const { state, fingerprint, jids, keptMs, answer } = readRecord(text);
    if (fingerprint !== fingerprintOf(claim)) return { state: 'reused' };
    if (state === states.done) return { state: 'done', answer };
    const isUnderWay = state !== states.unknown && keptMs - leftMs < underWayMsMax;
    return isUnderWay ? { state: 'in_progress', jids } : { state: 'unknown', jids, answer };
  }

  /** What was asked may still arrive: it must find that nobody wants it any more. */
  function withdraw(claims: readonly Claim[]): void {
    const told = claims.filter(({ jids }) => jids.length > 0).map((claim): Told => ({ claim, outcome: withdrawn }));
    void untold.tell(told);
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
        return found.map((one, index) => verdictOf(claims[index] as Claim, one));
      } catch (error) {
        withdraw(claims);
        throw errorOf(error as Error);
      }
    },
    // Record and jobs are two writes here.
    attach: () => undefined,
    settle: (settlements) => untold.tell(settlements),
    // A write: a Redis that is full, or a replica, answers reads.
    async check() {
      await untilReady(redis);
      await fitness.check();
      await redis.set(probeKey, '', 'PX', probeMs);
    },
    async close() {
      untold.close();
      // Lets commands in flight end; rejects at once when there is no connection.
      await redis.quit().catch(() => redis.disconnect());
    },
  };
}

const errorOf = (error: Error): KeyStoreError =>
  error.message.includes('OOM')
    ? new KeyStoreError('full', 'Redis is full', error)
    : new KeyStoreError('away', 'Redis gave no answer', error);
