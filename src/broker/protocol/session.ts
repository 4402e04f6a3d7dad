// The connection that sent a command, as the command sees it.
import type { Reservation } from '../queues/reservation-index.ts';

/** The client of a connection, for the operator. The fields of its HELLO are not verified. */
export interface ClientName {
  address: string;
  wid?: string | undefined;
  hostname?: string | undefined;
  pid?: number | undefined;
}

export interface Session {
  readonly client: ClientName;
  /** The worker's id from HELLO; undefined for a producer. */
  readonly wid: string | undefined;
  /** Replies after the replies that still wait for the disk. */
  reply(text: string): void;
  /** Replies when all changes of this command are stored, or with an error when that fails. */
  replyStored(text: string, taken?: Reservation): void;
  /** No further command of this connection is read until `release`. `onGone` is called if the client leaves first. */
  hold(onGone: () => void): void;
  release(): void;
  /** True when the client has closed its side: it would not run a job that is sent now. */
  isGone(): boolean;
  /** Ends the connection after the replies that are still due. */
  end(): void;
  destroy(): void;
}
