// Keeps several API processes behind one port: starts them, replaces a process that ends, restarts them one after another, and
// stops them together. Requests never pass through the supervisor. It only hands each new connection to a process in turn.
import type { Logger } from 'pino';
import { backoffMs } from '../domain/backoff.ts';
import type { Clock } from '../domain/clock.ts';
import { startMember, type Child, type Member } from './member-process.ts';
import { createMetricsPage } from './metrics-page.ts';

export interface SupervisorOptions {
  /** How many API processes there are. */
  count: number;
  fork: () => Child;
  clock: Clock;
  log: Logger;
}

export interface Supervisor {
  /** Resolves when all processes are ready. Rejects when the first ends instead, after the others have ended. */
  start(): Promise<void>;
  /** Replaces the processes in turn: a process drains when its successor is ready. Does nothing during the start and a restart. */
  restart(): Promise<void>;
  /** Resolves with the number of processes that did not end in order (code 0). */
  stop(signal: NodeJS.Signals): Promise<number>;
  signalAll(signal: NodeJS.Signals): void;
}

const restart = { minMs: 1000, maxMs: 30_000 };
/** After a process has lived this long, failures are counted from 0 again. */
const healthyMs = 60_000;

export function createSupervisor({ count, fork, clock, log }: SupervisorOptions): Supervisor {
  const members = new Set<Member>();
  const page = createMetricsPage(clock);
  /** starting -> running -> restarting -> running; from each to stopping, for good. */
  let state: 'starting' | 'running' | 'restarting' | 'stopping' = 'starting';
  let failures = 0;

  const isStopping = (): boolean => state === 'stopping';
  const missing = (): number => count - inState(members, 'starting', 'ready').length;

  function add(): Member {
    const startedMs = clock.now();
    const member = startMember(fork(), clock, {
      onMessage: (message) => page.take(message, member.child, reachable(members)),
      onEnded(end, wasReady) {
        members.delete(member);
        if (wasReady) replace(startedMs, { process: member.child.pid, ...end });
      },
    });
    members.add(member);
    return member;
  }

  function replace(startedMs: number, about: object): void {
    if (isStopping()) return;
    failures = clock.now() - startedMs >= healthyMs ? 1 : failures + 1;
    const restartInMs = backoffMs(failures, restart);
    log.error({ ...about, restartInMs }, 'an API process ended by itself');
    clock.after(restartInMs, () => void tryAgain());
  }

  async function tryAgain(): Promise<void> {
    if (isStopping() || missing() <= 0) return;
    try {
      const member = add();
      await member.ready;
      log.info({ process: member.child.pid }, 'an API process was started again');
    } catch (error) {
      replace(clock.now(), { err: error });
    }
  }

  function stop(signal: NodeJS.Signals): Promise<number> {
    state = 'stopping';
    return endAll(members, signal);
  }

  return {
    async start() {
      try {
        await startAll(count, add);
        if (!isStopping()) state = 'running';
      } catch (error) {
        await stop('SIGINT');
        throw error;
      }
    },
    async restart() {
      if (state !== 'running') return;
      state = 'restarting';
      await replaceEach(inState(members, 'ready'), () => (isStopping() ? undefined : add()), log);
      if (isStopping()) return;
      state = 'running';
      // A process that ended by itself meanwhile was not replaced while the successor of another process counted in its place.
      for (let left = missing(); left > 0; left--) void tryAgain();
    },
    stop,
    signalAll: (signal) => members.forEach(({ child }) => child.kill(signal)),
  };
}

const inState = (members: ReadonlySet<Member>, ...states: Member['state'][]): Member[] =>
  [...members].filter(({ state }) => states.includes(state));

const reachable = (members: ReadonlySet<Member>): Child[] =>
  inState(members, 'ready', 'ending').map(({ child }) => child);

/** Starts the first process alone, so that the error of a taken port is logged once. */
async function startAll(count: number, add: () => Member): Promise<void> {
  await add().ready;
  await Promise.all(Array.from({ length: count - 1 }, () => add().ready));
}

/** Resolves with the number of processes that did not end in order. */
async function endAll(members: ReadonlySet<Member>, signal: NodeJS.Signals): Promise<number> {
  const codes = await Promise.all([...members].map((member) => member.end(signal)));
  return codes.filter((code) => code !== 0).length;
}

/** Ends each process when its successor is ready. Stops when no successor can start. */
async function replaceEach(olds: readonly Member[], add: () => Member | undefined, log: Logger): Promise<void> {
  const about = { processes: olds.length };
  log.info(about, 'the API processes restart one after another');
  try {
    for (const old of olds) {
      // It has ended by itself, and was replaced for that.
      if (old.state === 'ended') continue;
      const successor = add();
      if (successor === undefined) return;
      await successor.ready;
      old.child.send({ type: 'replaced' });
      await old.end('SIGTERM');
    }
    log.info(about, 'the API processes have restarted');
  } catch (error) {
    log.error({ err: error }, 'the restart has stopped: the processes that are left go on as they were');
  }
}
