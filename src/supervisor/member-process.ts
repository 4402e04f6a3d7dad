// An API process, as its supervisor sees it.
import type { Clock } from '../domain/clock.ts';
import type { FromMember, FromSupervisor } from './messages.ts';

/** An API process: a cluster worker, or a test's replacement. */
export interface Child {
  readonly pid: number | undefined;
  send(message: FromSupervisor): void;
  kill(signal: NodeJS.Signals): void;
  onMessage(take: (message: FromMember) => void): void;
  /** @param take called once; `code` is null when a signal ended it; both are null when it could not be started */
  onExit(take: (code: number | null, signal: NodeJS.Signals | null) => void): void;
}

export interface Member {
  readonly child: Child;
  /** starting -> ready -> ending -> ended; from each of the first three straight to ended when it dies. */
  readonly state: 'starting' | 'ready' | 'ending' | 'ended';
  /** Rejects when it ends before it is ready. */
  readonly ready: Promise<void>;
  /** Resolves with its exit code, or null, when it has ended. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export interface MemberEvents {
  onMessage: (message: Exclude<FromMember, { type: 'ready' }>) => void;
  /** @param wasReady the process took requests, and nobody had told it to end */
  onEnded: (end: { code: number | null; signal: NodeJS.Signals | null }, wasReady: boolean) => void;
}

/** A process reads its files and listens in a second or two. A file of JOBS_DIR may wait without end. */
const startMsMax = 60_000;

export function startMember(child: Child, clock: Clock, { onMessage, onEnded }: MemberEvents): Member {
  let state: Member['state'] = 'starting';
  let tellReady: () => void;
  let refuse: (error: Error) => void;
  let tellEnded: (code: number | null) => void;
  const ready = new Promise<void>((resolve, reject) => ([tellReady, refuse] = [resolve, reject]));
  const ended = new Promise<number | null>((resolve) => (tellEnded = resolve));
  ready.catch(() => undefined);
  const startTimer = clock.after(startMsMax, () => child.kill('SIGKILL'));
  child.onMessage((message) => {
    if (message.type !== 'ready') return onMessage(message);
    if (state !== 'starting') return;
    state = 'ready';
    startTimer.cancel();
    tellReady();
  });
  child.onExit((code, signal) => {
    const wasReady = state === 'ready';
    state = 'ended';
    startTimer.cancel();
    refuse(new Error(`an API process ended with ${signal ?? code ?? 'nothing'} before it was ready`));
    tellEnded(code);
    onEnded({ code, signal }, wasReady);
  });
  return {
    child,
    get state() {
      return state;
    },
    ready,
    end(signal) {
      // A second signal would end the process at once, in the middle of its drain.
      if (state === 'starting' || state === 'ready') {
        state = 'ending';
        startTimer.cancel();
        child.kill(signal);
      }
      return ended;
    },
  };
}
