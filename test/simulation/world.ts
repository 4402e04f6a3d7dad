// What the parts of a simulated run share, and the two ends of a connection as they know each other.
import type { EventLog } from './event-log.ts';
import type { Ledger } from './ledger.ts';
import type { Plan, RateName } from './plan.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** The client's end of a connection. */
export interface ClientEnd {
  /** Bytes have arrived that no reply can be. */
  isInDoubt: boolean;
  /** The handshake's OK has arrived. */
  becomeLive(): void;
  /** The last byte of this reply has arrived. */
  replied(text: string): void;
}

/** The broker's end of a connection. */
export interface FarEnd {
  readonly id: number;
  /** @param onDelivered runs as the last byte reaches the client */
  send(text: string, onDelivered?: (client: ClientEnd) => void): void;
  close(how: 'fin' | 'rst'): void;
}

/** What the broker does with a connection. */
export interface Peer {
  read(bytes: Buffer): void;
  /** The client has closed, or the network has cut the connection. */
  gone(): void;
}

export interface World {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly log: EventLog;
  readonly ledger: Ledger;
  /** True with the plan's probability while faults last. */
  strikes(rate: RateName): boolean;
  count(name: string, by?: number): void;
  fail(name: string, detail: string): void;
}
