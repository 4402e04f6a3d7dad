// Frames of jobs over the client's connections: picks the connection, writes the PUSHB, classifies what comes back.
import type { Clock } from '../domain/clock.ts';
import type { Job } from '../domain/job.ts';
import { refused, unknown, type Fate, type FrameSender } from '../domain/producer.ts';
import { classifyBulkReply, isBrokerDeadline } from './classify.ts';
import type { FaktoryClient } from './client.ts';
import { ProtocolError } from './reply-reader.ts';
import { createLeast } from './least.ts';
import { leastBusy } from './least-busy.ts';
import type { Connection } from './connection.ts';
import type { Loss } from './reply-handler.ts';

export interface FrameSenderOptions {
  client: FaktoryClient;
  clock: Clock;
  /** The broker, unless it is the embedded one, is said to sync for each job. */
  syncs?: boolean;
  /** Called once per frame, with its time from write to reply or loss. */
  onFrame?: (jobs: number, seconds: number, outcome: 'ok' | 'refused' | 'lost') => void;
  /** Called as the broker goes away, with the reason, and as it is there again, without. */
  onDown?: (reason: Error | undefined) => void;
}

/**
 * On a long path a frame leaves about this often. The number of frames in flight is then the round trip divided by it.
 */
const frameIntervalMs = 0.5;
/** Smaller frames save at most some 3 ms of a batch. On a longer path that does not matter, unless each job waits for a sync. */
const nearMs = 5;
/** A lost connection makes at most this many frames unknown. */
const framesPerConnectionMax = 32;

export function createFrameSender({ client, clock, syncs, onFrame, onDown }: FrameSenderOptions): FrameSender {
  const roundTrip = createLeast(clock);
  // Of the live connections: under a load that never rests, every frame's time holds the queue that we made ourselves, and
  // more in flight would lengthen that.
  let leastHandshakeMs = Infinity;
  let inFlight = 0;

  const pathMs = (): number => Math.min(roundTrip.value, leastHandshakeMs);
  const syncsEachJob = (): boolean => syncs === true && !client.storesInGroups;

  const inFlightTarget = (): number => {
    const connections = client.live.length;
    const wanted = Math.max(Math.round(pathMs() / frameIntervalMs), syncsEachJob() ? connections : 0);
    return Math.min(wanted, connections * framesPerConnectionMax);
  };
  const framesPerConnection = (): number =>
    Math.min(framesPerConnectionMax, Math.max(2, Math.ceil(inFlightTarget() / Math.max(1, client.live.length))));

  const hasRoom = (connection: Connection, frames: number): boolean =>
    connection.isLive && !connection.isWriting && connection.inFlight < frames;

  function pick(): Connection | undefined {
    const frames = framesPerConnection();
    return leastBusy(client.live, (connection) => hasRoom(connection, frames));
  }

  const sender: FrameSender = {
    get slots() {
      const frames = framesPerConnection();
      let slots = 0;
      for (const connection of client.live) if (hasRoom(connection, frames)) slots++;
      return slots;
    },
    get inFlight() {
      return inFlight;
    },
    get inFlightTarget() {
      return inFlightTarget();
    },
    get lanes() {
      const isWorthIt = !client.storesInGroups && (pathMs() < nearMs || syncsEachJob());
      return isWorthIt ? Math.max(1, client.live.length) : 1;
    },
    get syncsEachJob() {
      return syncsEachJob();
    },
    get downReason() {
      return client.downReason;
    },
    onChange: () => undefined,
    send(jobs, settle) {
      const connection = pick();
      if (connection === undefined) throw new Error('send without a free slot');
      const startedMs = clock.now();
      const done = (fates: readonly Fate[], outcome: 'ok' | 'refused' | 'lost'): void => {
        inFlight--;
        onFrame?.(jobs.length, (clock.now() - startedMs) / 1000, outcome);
        settle(fates);
        sender.onChange();
      };
      inFlight++;
      connection.exchange(frameOf(jobs), {
        onReply(reply) {
          const ageMs = clock.now() - startedMs;
          roundTrip.observe(ageMs);
          if (reply.type !== 'nil' && reply.text !== '{}' && isBrokerDeadline(reply.text))
            client.late(connection, startedMs);
          const verdict = classifyBulkReply(reply, jobs, ageMs);
          if (!('violation' in verdict)) return done(verdict, reply.type === 'error' ? 'refused' : 'ok');
          const error = new ProtocolError(verdict.violation);
          connection.destroy(error);
          done(fatesOfLoss(jobs, { maybeSent: true, reason: error }), 'lost');
        },
        onLost: (loss) => done(fatesOfLoss(jobs, loss), 'lost'),
      });
    },
    // INFO reaches the broker's store, and fails when its disk is full; `PUSHB []` proves nothing about it.
    async ping() {
      try {
        await client.info();
      } finally {
        // A ping takes the room of a frame: what waits for that must hear of it.
        sender.onChange();
      }
    },
    close: () => client.close(),
  };
  client.onRoom = () => sender.onChange();
  let isDown = false;
  client.onChange = () => {
    const { downReason } = client;
    if (isDown !== (downReason !== undefined)) onDown?.(downReason);
    isDown = downReason !== undefined;
    leastHandshakeMs = Math.min(...client.live.map(({ handshakeMs }) => handshakeMs));
    roundTrip.observe(leastHandshakeMs);
    sender.onChange();
  };
  return sender;
}

const frameOf = (jobs: readonly Job[]): string => `PUSHB [${jobs.map(({ wire }) => wire).join(',')}]`;

function fatesOfLoss(jobs: readonly Job[], { maybeSent, reason }: Loss): Fate[] {
  const fate = maybeSent
    ? unknown(`connection to the broker lost: ${reason.message}`)
    : refused('broker_unavailable', `connection to the broker lost before sending: ${reason.message}`);
  return jobs.map(() => fate);
}
