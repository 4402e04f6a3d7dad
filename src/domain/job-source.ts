// The interface through which a worker gets jobs and reports how they ended (JobSource).

/** The fields of FAIL. Faktory keeps 100 bytes of the type, 1,000 of the message, 50 lines of the backtrace. */
export interface Failure {
  errtype: string;
  message: string;
  backtrace: string[];
  /** The embedded broker queues the job again and counts no attempt; Faktory does not know the field. */
  give_back?: true;
}

/** The end of a run, as the worker knows it: the events get the same object. */
export interface Reported {
  readonly jid: string;
}

/** The broker has replied to the ACK or FAIL of a job. */
export interface Told<End extends Reported> {
  end: End;
  /** Of the FAIL; undefined: it was an ACK. */
  failure: Failure | undefined;
  /** False: the broker did not know the job any more, which it says of a FAIL only. */
  isKnown: boolean;
}

/** To be given to the source as it is made. None is called before it is made. */
export interface JobSourceEvents<End extends Reported> {
  /** The queues of one FETCH, in the order in which the broker is to look into them. Called within `fetch` only. */
  queues: () => readonly string[];
  /** @param text the job in JSON. Anyone may have pushed it. */
  onJob: (text: string) => void;
  /** The broker has replied. */
  onTold: (told: Told<End>) => void;
  /** Called whenever a report has ended: the broker has replied, or was away for too long. */
  onOver: (end: End) => void;
  /** More jobs may be fetched than before, or a FETCH has ended. */
  onChange: () => void;
  /** An operator has asked for it at the broker, which says so in its reply to BEAT. */
  onState: (state: 'quiet' | 'terminate') => void;
}

/** Sends BEATs by itself until it is closed. */
export interface JobSource<End extends Reported> {
  /** FETCHes without a reply. */
  readonly fetching: number;
  /** ACKs and FAILs without the broker's clear reply. The caller keeps them few. */
  readonly reporting: number;
  /** As far as is known, the broker takes back a job that did not run: by a FAIL that says so, or when its worker has ended. */
  readonly takesBack: boolean;
  /** Why the broker is away, or replies to no FETCH. */
  readonly problem: Error | undefined;
  start(): void;
  /** Sends at most `room` more FETCHes. To be called also when there is no room: no FETCH is wanted then. */
  fetch(room: number): void;
  /** Reports until the broker has replied, for a minute at most. */
  ack(end: End): void;
  fail(end: End, failure: Failure): void;
  /** Has jobs queued again that a FAIL has put into the retries or the dead. Resolves when that is over, done or not. */
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
