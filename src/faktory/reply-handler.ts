// How a command ends: with its reply, or with the loss of its connection.
import type { Reply } from './reply-reader.ts';

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
