// The interface through which a worker gets jobs and reports how they ended (JobSource).

/** The fields of FAIL. Faktory keeps 100 bytes of the type, 1,000 of the message, 50 lines of the backtrace. */
export interface Failure {
  errtype: string;
  message: string;
  backtrace: string[];
  /** The embedded broker queues the job again and counts no attempt; Faktory does not know the field. */
  give_back?: true;
}

/** The end of a run, as the worker knows it. The source's events get the same object. */
export interface Reported {
  readonly jid: string;
}

/** The broker's reply to the ACK or FAIL of a job. */
export interface Told<End extends Reported> {
  end: End;
  /** The failure of the FAIL. Undefined: it was an ACK. */
  failure: Failure | undefined;
  /** False: the broker did not know the job any more. Faktory says so in reply to FAIL only. */
  isKnown: boolean;
}

/** The worker's side of a source. The source calls none of them before it is made. */
export interface JobSourceEvents<End extends Reported> {
  /** The queues of one FETCH, in the order in which the broker is to look into them. Called within `fetch` only. */
  queues: () => readonly string[];
  /** @param text the job in JSON. Anyone may have pushed it. */
  onJob: (text: string) => void;
  /** Called when the broker has replied. */
  onTold: (told: Told<End>) => void;
  /** Called whenever a report has ended: the broker has replied, or was away for too long. */
  onOver: (end: End) => void;
  /** Called when more jobs may be fetched than before, or a FETCH has ended. */
  onChange: () => void;
  /** Called when the broker's reply to BEAT says that an operator has asked for the state. */
  onState: (state: 'quiet' | 'terminate') => void;
}

/** Gets jobs and reports their ends. It sends BEATs by itself until it is closed. */
export interface JobSource<End extends Reported> {
  /** FETCHes without a reply. */
  readonly fetching: number;
  /** ACKs and FAILs without a clear reply of the broker. The caller limits their number. */
  readonly reporting: number;
  /** True when the broker is known to take back a job that did not run, by a FAIL that says so or when its worker has ended. */
  readonly takesBack: boolean;
  /** Why the broker is away, or replies to no FETCH. */
  readonly problem: Error | undefined;
  start(): void;
  /** Sends at most `room` more FETCHes. Call it also with 0: then no FETCH is wanted. */
  fetch(room: number): void;
  /** Reports the end until the broker has replied, for a minute at most. */
  ack(end: End): void;
  fail(end: End, failure: Failure): void;
  /** Requeues jobs that a FAIL has put into the retries or the dead. Resolves when the attempt is over, successful or not. */
  requeue(jids: readonly string[]): Promise<void>;
  /** Asks the broker, so that `takesBack` is certain. Resolves within half a second. */
  checkTakesBack(): Promise<void>;
  /** Sends no more FETCHes, and tells the broker so. FETCHes without a reply may still bring jobs. */
  quiet(): void;
  /** After `quiet`, before `close`: lets a broker that can do so reply to the FETCHes at once. */
  finish(): void;
  /** Resolves within a second, also when the broker is gone. */
  close(): Promise<void>;
}
