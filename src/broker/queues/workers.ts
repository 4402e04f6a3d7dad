// Workers by wid: contribsys/faktory v1.9.4, server/workers.go. One wid on many connections is one worker, and it is
// forgotten with its last connection.
import type { Session } from '../protocol/session.ts';

type WorkerState = 'running' | 'quiet' | 'terminate';

interface Worker {
  readonly sessions: Set<Session>;
  beatMs: number;
  state: WorkerState;
}

export interface Workers {
  join(session: Session, nowMs: number): void;
  /** Called when a connection ends. True: it was the last connection of its worker. */
  leave(session: Session): boolean;
  /** The state to tell the worker, `running` included; undefined when the wid is unknown. */
  beat(wid: string, stated: unknown, nowMs: number): WorkerState | undefined;
  /** Whether this worker has a connection. */
  has(wid: string): boolean;
  isQuiet(wid: string | undefined): boolean;
  /** Forgets workers without a BEAT for a minute, and closes their connections. */
  reap(nowMs: number): number;
  count(): number;
}

const beatAgeMsMax = 60_000;
const order: readonly WorkerState[] = ['running', 'quiet', 'terminate'];

export function createWorkers(): Workers {
  const workers = new Map<string, Worker>();

  return {
    join(session, nowMs) {
      if (session.wid === undefined) return;
      let worker = workers.get(session.wid);
      if (!worker) workers.set(session.wid, (worker = { sessions: new Set(), beatMs: nowMs, state: 'running' }));
      worker.sessions.add(session);
    },
    leave(session) {
      const worker = workers.get(session.wid ?? '');
      return (
        worker?.sessions.delete(session) === true && worker.sessions.size === 0 && workers.delete(session.wid ?? '')
      );
    },
    beat(wid, stated, nowMs) {
      const worker = workers.get(wid);
      if (!worker) return undefined;
      worker.beatMs = nowMs;
      const state = order.find((known) => known === stated);
      // A state never goes back: a quiet worker is restarted, not woken.
      if (state && order.indexOf(state) > order.indexOf(worker.state)) worker.state = state;
      return worker.state;
    },
    has: (wid) => workers.has(wid),
    isQuiet: (wid) => (workers.get(wid ?? '')?.state ?? 'running') !== 'running',
    reap(nowMs) {
      let reaped = 0;
      for (const [wid, worker] of workers) {
        if (nowMs - worker.beatMs < beatAgeMsMax) continue;
        workers.delete(wid);
        reaped++;
        for (const session of worker.sessions) session.destroy();
      }
      return reaped;
    },
    count: () => workers.size,
  };
}
