// The options of a connection, and the functions that are called when a command ends.
import type { Duplex } from 'node:stream';
import type { Clock } from '../domain/clock.ts';
import type { Reply } from './reply-reader.ts';

export interface ConnectionOptions {
  /** Opens the socket: a plain one or TLS. */
  connect: () => Duplex;
  clock: Clock;
  /**
   * True on plain TCP only: there `writableLength` stays above 0 until the kernel has taken the last byte of the write. A TLS
   * socket may report a write as pending although its bytes have left (Node's TLSWrap ends writes asynchronously).
   */
  provesUnsent: boolean;
  /** The most time for TCP, TLS, the greeting and HELLO together. */
  connectTimeoutMs: number;
  /** The most time without a reply for the oldest command. It starts again at every reply. */
  readTimeoutMs: number;
  /** The most time until the kernel has taken the bytes of a write. */
  writeTimeoutMs: number;
  bulkBytesMax: number;
  /** Called when the kernel has taken the last write, and nothing else waits to be written. */
  onWritten?: (() => void) | undefined;
  /** Called with each command that has ended: its line, its time since it was given, and how it ended. */
  onCommand?: ((line: string, ms: number, outcome: 'ok' | 'refused' | 'lost') => void) | undefined;
  /** Called when the connection is given up because the broker has sent nothing since `sinceMs`, before its commands are lost. */
  onSilence?: (sinceMs: number) => void;
}

/** The connection ended before the reply. */
export interface Loss {
  /** False only when it is certain that the broker cannot have read the command. */
  maybeSent: boolean;
  reason: Error;
}

/** Waits for the reply to one command. Exactly one of the two functions is called, once. */
export interface ReplyHandler {
  onReply(reply: Reply): void;
  onLost(loss: Loss): void;
}
