// What is to be done once, where the broker is in this process: the record of a key and the jobs that it stands for are one
// group of the broker's log, so there are both or neither, whenever the process is killed (docs/decisions/0022-idempotency-keys.md).
import type { Engine } from '../broker/engine.ts';
import type { GroupOutcome } from '../broker/storage/ledger.ts';
import type { Clock } from '../domain/clock.ts';
import { createGather } from '../domain/gather.ts';
import {
  KeyStoreError,
  type Claim,
  type KeptAnswer,
  type KeyStore,
  type Settlement,
  lockAnswer,
  type Verdict,
} from '../domain/keys.ts';
import { enqueued, refused } from '../domain/producer.ts';

export interface EngineKeysOptions {
  engine: Engine;
  durability: string;
  clock: Clock;
  /** A claim that is older is no longer said to be under way. */
  underWayMsMax: number;
}

/** A claim whose jobs are on their way. */
interface Open {
  claim: Claim;
  sinceMs: number;
  /** The broker has its record and its jobs, and the disk perhaps: only the end of the group frees the key. */
  isWritten: boolean;
  /** Its group has failed: what is on disk counts, once the store is open again. */
  isUnknown: boolean;
}

/** One look-up in LevelDB; more would hold up the thread that does it. */
const lookUpMax = 500;
const fingerprintBytes = 32;

function encode(fingerprint: Buffer, { status, body }: KeptAnswer): Buffer {
  const bytes = Buffer.allocUnsafe(fingerprintBytes + 2 + Buffer.byteLength(body));
  fingerprint.copy(bytes);
  bytes.writeUInt16BE(status, fingerprintBytes);
  bytes.write(body, fingerprintBytes + 2);
  return bytes;
}

const isSame = (claim: Claim, fingerprint: Buffer): boolean => claim.fingerprint.equals(fingerprint);

function verdictOf(claim: Claim, record: Buffer): Verdict {
  if (!isSame(claim, record.subarray(0, fingerprintBytes))) return { state: 'reused' };
  const answer = {
    status: record.readUInt16BE(fingerprintBytes),
    body: record.toString('utf8', fingerprintBytes + 2),
  };
  return { state: 'done', answer };
}

export function createEngineKeys(options: EngineKeysOptions): KeyStore {
  const { engine, clock, durability, underWayMsMax } = options;
  const { keysMax } = engine;
  const { ledger } = engine;
  /** By id: as many as there are jobs under way. */
  const open = new Map<string, Open>();
  const lookUp = createGather<Buffer, Buffer | undefined>({
    ask: (ids) => engine.state().keys.find(ids),
    itemsMax: lookUpMax,
    clock,
  });

  const nameOf = ({ id }: Claim): string => id.toString('latin1');

  function free(claim: Claim): void {
    if (open.get(nameOf(claim))?.claim === claim) open.delete(nameOf(claim));
  }

  function verdictOfOpen(claim: Claim, { claim: first, sinceMs, isUnknown }: Open): Verdict {
    if (!isSame(claim, first.fingerprint)) return { state: 'reused' };
    const { jids, answer } = first;
    const isUnderWay = !isUnknown && clock.now() - sinceMs < underWayMsMax;
    return isUnderWay ? { state: 'in_progress', jids } : { state: 'unknown', jids, answer };
  }

  /** What was unknown is on disk, or it is not: the store has been opened again since. */
  function forgetUnknown(): void {
    for (const [name, { isUnknown }] of open) if (isUnknown) open.delete(name);
  }

  /** Undefined: the key is this claim's, unless there is a record on disk. */
  function enter(claim: Claim): Verdict | undefined {
    const name = nameOf(claim);
    const found = open.get(name);
    if (found) return verdictOfOpen(claim, found);
    if (claim.jids.length > 0) open.set(name, { claim, sinceMs: clock.now(), isWritten: false, isUnknown: false });
    return undefined;
  }

  /** What the disk says of it. */
  async function find(claim: Claim): Promise<Verdict | undefined> {
    if (claim.lockMs === undefined) {
      const [record] = await lookUp([claim.id]);
      return record && verdictOf(claim, record);
    }
    const jid = await engine.state().locks.find(claim.id);
    return jid === undefined ? undefined : { state: 'done', answer: lockAnswer(jid) };
  }

  /** The verdicts on claims that this process has entered as under way. */
  async function decide(claims: readonly Claim[]): Promise<Verdict[]> {
    const isFull = engine.state().keys.count() >= keysMax;
    const records = await Promise.all(claims.map(find));
    return claims.map((claim, index) => {
      const verdict = records[index];
      if (verdict !== undefined) {
        free(claim);
        return verdict;
      }
      if (claim.jids.length === 0) return { state: 'absent' };
      if (isFull) throw new KeyStoreError('full', `the store holds ${keysMax} keys, its limit`);
      return { state: 'claimed' };
    });
  }

  function write(claim: Claim, answer: KeptAnswer): void {
    const { id, fingerprint, jids, lockMs } = claim;
    if (lockMs === undefined) engine.state().keys.put(id, encode(fingerprint, answer));
    else engine.state().locks.put(id, jids[0] as string, lockMs);
  }

  function end(claim: Claim, outcome: GroupOutcome): void {
    const entry = open.get(nameOf(claim));
    if (entry?.claim !== claim) return;
    if (outcome === 'unknown') entry.isUnknown = true;
    else free(claim);
  }

  function markWritten(claim: Claim): void {
    const entry = open.get(nameOf(claim));
    if (entry?.claim === claim) entry.isWritten = true;
  }

  /** A record without jobs. */
  function writeAlone(claim: Claim, answer: KeptAnswer): Promise<void> {
    return new Promise((resolve) => {
      if (engine.refusal() !== undefined) {
        free(claim);
        return resolve();
      }
      write(claim, answer);
      markWritten(claim);
      ledger.join({
        settle(_group, outcome) {
          end(claim, outcome);
          resolve();
        },
      });
      ledger.flush();
    });
  }

  async function settleOne({ claim, outcome, answer = claim.answer }: Settlement): Promise<void> {
    const entry = open.get(nameOf(claim));
    // The end of its group settles it.
    if (entry?.claim !== claim || entry.isWritten) return;
    if (outcome === 'done') return writeAlone(claim, answer);
    if (outcome === 'refused') free(claim);
  }

  return {
    durability,
    async claim(claims) {
      const refusal = engine.refusal();
      // What this process knows by itself it says all the same.
      if (refusal !== undefined && !claims.every((claim) => open.has(nameOf(claim))))
        throw new KeyStoreError('away', refusal);
      if (refusal === undefined) forgetUnknown();
      const verdicts = claims.map(enter);
      const entered = claims.filter((_, index) => verdicts[index] === undefined);
      try {
        const decided = await decide(entered);
        let next = 0;
        return verdicts.map((verdict) => verdict ?? (decided[next++] as Verdict));
      } catch (error) {
        entered.forEach(free);
        throw error instanceof KeyStoreError ? error : new KeyStoreError('away', 'the store did not answer', error);
      }
    },
    attach(claim, jobs, answerOf) {
      const attachment = {
        write(refusals: ReadonlyMap<string, string>) {
          const fates = jobs.map(({ jid }) => {
            const refusal = refusals.get(jid);
            return refusal === undefined ? enqueued : refused('broker_refused', refusal);
          });
          const answer = answerOf(fates);
          if (answer === undefined) return;
          write(claim, answer);
          markWritten(claim);
        },
        settle: (outcome: GroupOutcome) => end(claim, outcome),
      };
      for (const job of jobs) job.attachments = [attachment, ...(job.attachments ?? [])];
    },
    settle: async (settlements) => void (await Promise.all(settlements.map(settleOne))),
    async check() {
      const refusal = engine.refusal();
      if (refusal !== undefined) throw new KeyStoreError('away', refusal);
    },
    close: () => Promise.resolve(),
  };
}
