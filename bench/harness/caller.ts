// A caller of the load generator: over HTTP or over Faktory's protocol.

/** A connection that sends a request after the response to the request before. */
export interface Caller {
  /** Resolves when the connection is open and ready to be used. */
  opened: Promise<void>;
  /** Starts a request; its end is reported to `onDone`. */
  next(): void;
  close(): void;
}

export type OnDone = (caller: Caller, isAccepted: boolean) => void;
