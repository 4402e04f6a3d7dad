// The reasons that end the program: a signal, an error that nobody caught, or a part that fails. Every signal has a listener from
// the first line of the program to its exit, because without a listener Node exits at once and leaves jobs reserved.
export interface StopReason {
  signal?: NodeJS.Signals;
  error?: Error;
}

export interface Stop {
  /** The cause of the stop; undefined before it. */
  readonly reason: StopReason | undefined;
  /** Resolves when the stop begins. */
  readonly requested: Promise<StopReason>;
  /** Resolves when the stop must end at once: after a second signal, or an uncaught error during the stop. */
  readonly hurried: Promise<StopReason>;
  /** Begins the stop; without effect when it has begun. */
  request(reason: StopReason): void;
  /** From now on this signal does not stop the program, but calls `instead`. */
  reserve(signal: NodeJS.Signals, instead: () => void): void;
}

export interface StopOptions {
  /** The process: it emits signals and uncaught errors. */
  events: { on(event: string, listener: (value: unknown) => void): unknown };
  /** Monotonic milliseconds. */
  now: () => number;
  /** Signals that the program must survive, because its parent process ignores them. */
  ignored: readonly NodeJS.Signals[];
}

const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * A process group gets a stop twice, from the sender and from npm, which forwards it. A closed terminal sends more than one
 * signal. Signals within this time are one stop.
 */
const repeatMs = 1000;

/** Listens from now on and for ever. */
export function listenForStop({ events, now, ignored }: StopOptions): Stop {
  let reason: StopReason | undefined;
  let beganMs = 0;
  const reserved = new Map<NodeJS.Signals, () => void>();
  let begin: (reason: StopReason) => void;
  let hurry: (reason: StopReason) => void;
  const requested = new Promise<StopReason>((resolve) => (begin = resolve));
  const hurried = new Promise<StopReason>((resolve) => (hurry = resolve));

  function request(given: StopReason): void {
    if (reason !== undefined) return;
    reason = given;
    beganMs = now();
    begin(given);
  }

  for (const signal of stopSignals) {
    events.on(signal, () => {
      if (ignored.includes(signal)) return;
      const instead = reserved.get(signal);
      if (instead !== undefined) return instead();
      if (reason === undefined) request({ signal });
      else if (now() - beganMs >= repeatMs) hurry({ signal });
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    events.on(event, (thrown: unknown) => {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      if (reason === undefined) request({ error });
      else hurry({ error });
    });
  }

  return {
    get reason() {
      return reason;
    },
    requested,
    hurried,
    request,
    reserve: (signal, instead) => void reserved.set(signal, instead),
  };
}
