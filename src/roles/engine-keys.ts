// The store of keys where the broker is in this process: the record of a key and its jobs are one group of the broker's log,
// so both are stored or neither, whenever the process is killed (docs/decisions/0022-idempotency-keys.md).
import type { Engine } from '../broker/engine.ts';
import type { GroupOutcome } from '../broker/storage/ledger.ts';
import type { Clock } from '../domain/clock.ts';
import { KeyStoreError, type Claim, type KeptResponse, type KeyStore, type Settlement } from '../domain/keys.ts';
import { enqueued, refused } from '../domain/producer.ts';
import { createEngineClaims } from './engine-claims.ts';
import { encodeKeyRecord } from './key-record.ts';
import { createOpenClaims } from './open-claims.ts';

export interface EngineKeysOptions {
  engine: Engine;
  durability: string;
  clock: Clock;
  /** An older claim no longer counts as under way. */
  underWayMsMax: number;
}

export function createEngineKeys({ engine, clock, durability, underWayMsMax }: EngineKeysOptions): KeyStore {
  const { ledger } = engine;
  const open = createOpenClaims(clock, underWayMsMax);

  function write(claim: Claim, response: KeptResponse): void {
    const { id, fingerprint, jids, lockMs } = claim;
    if (lockMs === undefined) engine.state().keys.put(id, encodeKeyRecord(fingerprint, response));
    else engine.state().locks.put(id, jids[0] as string, lockMs);
  }

  /** Writes a record without jobs. */
  function writeAlone(claim: Claim, response: KeptResponse): Promise<void> {
    return new Promise((resolve) => {
      if (engine.refusal() !== undefined) {
        open.free(claim);
        return resolve();
      }
      write(claim, response);
      ledger.join({
        settle(_group, outcome) {
          open.end(claim, outcome);
          resolve();
        },
      });
      ledger.flush();
    });
  }

  function settleOne({ claim, outcome, response = claim.response }: Settlement): Promise<void> | undefined {
    // The claim is closed: the end of its record's group has settled it.
    if (!open.holds(claim)) return undefined;
    if (outcome === 'done') return writeAlone(claim, response);
    if (outcome === 'refused') open.free(claim);
    return undefined;
  }

  return {
    durability,
    claim: createEngineClaims(engine, clock, open),
    attach(claim, jobs, responseOf) {
      const attachment = {
        write(refusals: ReadonlyMap<string, string>) {
          const outcomes = jobs.map(({ jid }) => {
            const refusal = refusals.get(jid);
            return refusal === undefined ? enqueued : refused('broker_refused', refusal);
          });
          const response = responseOf(outcomes);
          if (response !== undefined) write(claim, response);
        },
        settle: (outcome: GroupOutcome) => open.end(claim, outcome),
      };
      for (const job of jobs) job.attachments = [attachment, ...(job.attachments ?? [])];
    },
    settle(settlements) {
      const writing = settlements.map(settleOne).filter((written) => written !== undefined);
      return writing.length === 0 ? undefined : Promise.all(writing).then(() => undefined);
    },
    async check() {
      const refusal = engine.refusal();
      if (refusal !== undefined) throw new KeyStoreError('away', refusal);
    },
    close: () => Promise.resolve(),
  };
}
