// The FrameSender for an API in the broker's process. Its frames go to the engine, and into the same groups as the commands of
// all connections. There is no connection to lose, and no reply to read.
import type { Clock } from '../domain/clock.ts';
import type { Attachment, Job } from '../domain/job.ts';
import { enqueued, refused, unknown, type FrameOutcome, type Outcome, type FrameSender } from '../domain/producer.ts';
import type { Engine } from '../broker/engine.ts';
import { messageOf, type GroupOutcome } from '../broker/storage/ledger.ts';
import type { Push } from '../broker/queues/push.ts';

export interface EngineSenderOptions {
  engine: Engine;
  push: Push;
  clock: Clock;
  /** Called when a slot has become free. */
  onChange: () => void;
  /** Called once per frame, with its time until the end of its group. */
  onFrame?: (jobs: number, seconds: number, frameOutcome: FrameOutcome) => void;
}

/** A failed write makes at most this many frames unknown. Frames that wait are refused when the disk hangs. */
const framesMax = 64;

const noRefusals: ReadonlyMap<string, string> = new Map();
const noAttachments: readonly Attachment[] = [];

/** The records that a frame stores with its jobs: nearly always none. */
function attachmentsOf(jobs: readonly Job[]): readonly Attachment[] {
  let found: Attachment[] | undefined;
  for (const { attachments } of jobs) if (attachments !== undefined) (found ??= []).push(...attachments);
  return found === undefined ? noAttachments : [...new Set(found)];
}

function outcomesOf(
  jobs: readonly Job[],
  refusals: ReadonlyMap<string, string>,
  end: GroupOutcome,
  detail: string,
): Outcome[] {
  const outcome =
    end === 'stored'
      ? enqueued
      : end === 'unknown'
        ? unknown(`the store of the broker failed: ${detail}`)
        : refused('broker_refused', `not stored: the store of the broker failed: ${detail}`);
  return jobs.map(({ jid }) => {
    const refusal = refusals.get(jid);
    return refusal === undefined ? outcome : refused('broker_refused', refusal);
  });
}

export function createEngineSender({ engine, push, clock, onChange, onFrame }: EngineSenderOptions): FrameSender {
  let inFlight = 0;

  /** Returns jid -> reason for the jobs that the store refuses. Throws when it refuses the whole frame. */
  function give(jobs: readonly Job[]): ReadonlyMap<string, string> {
    const refusal = engine.refusal();
    if (refusal !== undefined) throw new Error(refusal);
    const encoded = jobs.map((job) => job.encoded);
    if (!jobs.every(({ isPlain }) => isPlain)) return push.array(Buffer.from(`[${encoded.join(',')}]`));
    push.own(encoded);
    return noRefusals;
  }

  return {
    get slots() {
      return framesMax - inFlight;
    },
    get inFlight() {
      return inFlight;
    },
    // Frames that come while a group is being synced are in the next group anyway: nothing is gained by keeping them back.
    capacity: { inFlightTarget: framesMax, lanes: 1, syncsEachJob: false },
    downReason: undefined,
    send(jobs, settle) {
      const startedMs = clock.now();
      const done = (outcomes: readonly Outcome[], frameOutcome: FrameOutcome): void => {
        onFrame?.(jobs.length, (clock.now() - startedMs) / 1000, frameOutcome);
        settle(outcomes);
      };
      const attachments = attachmentsOf(jobs);
      let refusals: ReadonlyMap<string, string>;
      try {
        refusals = give(jobs);
      } catch (error) {
        const outcome = refused('broker_refused', messageOf(error));
        return done(
          jobs.map(() => outcome),
          'refused',
        );
      }
      inFlight++;
      const end = (groupOutcome: GroupOutcome, detail: string): void => {
        inFlight--;
        for (const attachment of attachments) attachment.settle(groupOutcome);
        const outcomes = outcomesOf(jobs, refusals, groupOutcome, detail);
        done(outcomes, refusals.size === jobs.length ? 'refused' : frameOutcomes[groupOutcome]);
        onChange();
      };
      // The records go into the group of the jobs.
      for (const attachment of attachments) attachment.write(refusals);
      const group = engine.ledger.join({ settle: (_group, outcome, detail) => end(outcome, detail) });
      // The broker refused every job: no group will end for them.
      if (group === 0) return end('not stored', 'every job was refused');
      // The ledger is flushed at once, because a frame comes at the end of a turn or is large.
      engine.ledger.flush();
    },
    async ping() {
      const refusal = engine.refusal();
      if (refusal !== undefined) throw new Error(refusal);
    },
    // The broker is closed by the role that opened it.
    close: async () => {},
  };
}

const frameOutcomes = { stored: 'ok', unknown: 'lost', 'not stored': 'refused' } as const;
