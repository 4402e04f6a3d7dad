// A caller of the load generator, whatever it speaks.

/** One connection with one request at a time. */
export interface Caller {
  /** Resolves when the connection is open and ready to be used. */
  opened: Promise<void>;
  /** Starts a request; its end is reported to `onDone`. */
  next(): void;
  close(): void;
}

export type OnDone = (caller: Caller, isAccepted: boolean) => void;
