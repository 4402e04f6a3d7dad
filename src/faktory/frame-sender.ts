// Sends frames of jobs over the client's connections: picks the connection, writes the PUSHB, and classifies the reply.
import type { Clock } from '../domain/clock.ts';
import type { Job } from '../domain/job.ts';
import { refused, unknown, type FrameOutcome, type Outcome, type FrameSender } from '../domain/producer.ts';
import { classifyBulkReply, isBrokerDeadline } from './classify.ts';
import type { FaktoryClient } from './client.ts';
import { ProtocolError } from './reply-reader.ts';
import { createFrameLimits } from './frame-limits.ts';
import { leastBusy } from './least-busy.ts';
import type { Connection } from './connection.ts';
import type { Loss } from './connection-options.ts';

export interface FrameSenderOptions {
  client: FaktoryClient;
  clock: Clock;
  /** The operator says that the broker syncs its disk for each job. Ignored for the embedded broker. */
  syncs?: boolean;
  /** Called once per frame, with its time from write to reply or loss. */
  onFrame?: (jobs: number, seconds: number, frameOutcome: FrameOutcome, outcomes: readonly Outcome[]) => void;
  /** Called when a slot may have become free, or `downReason` may have changed. */
  onChange: () => void;
  /** Called with the reason when the broker goes away, and with undefined when it is back. */
  onDown?: (reason: Error | undefined) => void;
}

export interface FaktorySender extends FrameSender {
  /** To be called as `live` or `downReason` of the client changes. */
  onClientChange(): void;
}

export function createFrameSender(options: FrameSenderOptions): FaktorySender {
  const { client, clock, syncs, onFrame, onChange, onDown } = options;
  const limits = createFrameLimits(client, clock, syncs === true);
  let inFlight = 0;
  let isDown = false;

  const hasRoom = (connection: Connection, frames: number): boolean =>
    connection.isLive && !connection.isWriting && connection.inFlight < frames;

  return {
    get slots() {
      const frames = limits.framesPerConnection;
      let slots = 0;
      for (const connection of client.live) if (hasRoom(connection, frames)) slots++;
      return slots;
    },
    get inFlight() {
      return inFlight;
    },
    capacity: limits,
    get downReason() {
      return client.downReason;
    },
    send(jobs, settle) {
      const frames = limits.framesPerConnection;
      const connection = leastBusy(client.live, (live) => hasRoom(live, frames));
      if (connection === undefined) throw new Error('send without a free slot');
      const startedMs = clock.now();
      inFlight++;
      exchangeFrame(connection, jobs, {
        ageMs: () => clock.now() - startedMs,
        onReply: limits.observe,
        onLate: () => client.late(connection, startedMs),
        onEnd(outcomes, frameOutcome) {
          inFlight--;
          onFrame?.(jobs.length, (clock.now() - startedMs) / 1000, frameOutcome, outcomes);
          settle(outcomes);
          onChange();
        },
      });
    },
    // INFO reaches the broker's store and fails when its disk is full. `PUSHB []` does not reach the store.
    async ping() {
      try {
        await client.info();
      } finally {
        // A ping takes a slot, which is free again now.
        onChange();
      }
    },
    close: () => client.close(),
    onClientChange() {
      const { downReason } = client;
      if (isDown !== (downReason !== undefined)) onDown?.(downReason);
      isDown = downReason !== undefined;
      limits.adopt();
      onChange();
    },
  };
}

const frameOf = (jobs: readonly Job[]): string => `PUSHB [${jobs.map(({ encoded }) => encoded).join(',')}]`;

function outcomesOfLoss(jobs: readonly Job[], { maybeSent, reason }: Loss): Outcome[] {
  const outcome = maybeSent
    ? unknown(`connection to the broker lost: ${reason.message}`)
    : refused('broker_unavailable', `connection to the broker lost before sending: ${reason.message}`);
  return jobs.map(() => outcome);
}

interface FrameExchange {
  ageMs: () => number;
  onReply: (ageMs: number) => void;
  /** The reply says that the broker waited too long for its own Redis. */
  onLate: () => void;
  onEnd: (outcomes: readonly Outcome[], frameOutcome: FrameOutcome) => void;
}

function exchangeFrame(connection: Connection, jobs: readonly Job[], { ageMs, onReply, onLate, onEnd }: FrameExchange) {
  connection.exchange(frameOf(jobs), {
    onReply(reply) {
      const age = ageMs();
      onReply(age);
      // `{}` is the usual reply, so it is not searched.
      if (reply.type !== 'nil' && reply.text !== '{}' && isBrokerDeadline(reply.text)) onLate();
      const verdict = classifyBulkReply(reply, jobs, age);
      if (!('violation' in verdict))
        return onEnd(verdict, verdict.every(({ kind }) => kind === 'enqueued') ? 'ok' : 'refused');
      const reason = new ProtocolError(verdict.violation);
      connection.destroy(reason);
      onEnd(outcomesOfLoss(jobs, { maybeSent: true, reason }), 'lost');
    },
    onLost: (loss) => onEnd(outcomesOfLoss(jobs, loss), 'lost'),
  });
}
