// Keeps several API processes behind one port: starts them, replaces those that end, restarts them one after another, and
// stops them together. Requests never pass through it; connections do, once, when it hands them out in turn.
import type { Logger } from 'pino';
import { backoffMs } from '../domain/backoff.ts';
import type { Clock } from '../domain/clock.ts';
import type { FromMember, FromSupervisor } from './messages.ts';
import { createMetricsPage } from './metrics-page.ts';

/** An API process: a cluster worker, or what a test has in its place. */
export interface Child {
  readonly pid: number | undefined;
  send(message: FromSupervisor): void;
  kill(signal: NodeJS.Signals): void;
  onMessage(take: (message: FromMember) => void): void;
  /** @param take called once; `code` is null when a signal ended it */
  onExit(take: (code: number | null, signal: NodeJS.Signals | null) => void): void;
}

export interface SupervisorOptions {
  /** Processes. */
  count: number;
  fork: () => Child;
  clock: Clock;
  log: Logger;
}

export interface Supervisor {
  /** Resolves when all are ready; rejects with the first that ended instead, after the others have ended. */
  start(): Promise<void>;
  /** Replaces each in turn: it drains when its successor is ready. Does nothing while it is under way. */
  restart(): Promise<void>;
  /** Resolves with the number of processes that did not end in order (code 0). */
  stop(signal: NodeJS.Signals): Promise<number>;
  signalAll(signal: NodeJS.Signals): void;
}

interface Member {
  readonly child: Child;
  /** starting -> ready -> ending -> ended; from each of the first three straight to ended when it dies. */
  state: 'starting' | 'ready' | 'ending' | 'ended';
  /** It has sent its last counts: asked again it would be counted twice. */
  hasCounted: boolean;
  readonly ready: Promise<void>;
  readonly ended: Promise<number | null>;
}

const restart = { minMs: 1000, maxMs: 30_000 };
/** A process that lived this long starts the counting of failures anew. */
const healthyMs = 60_000;

export function createSupervisor({ count, fork, clock, log }: SupervisorOptions): Supervisor {
  const members = new Set<Member>();
  const page = createMetricsPage(clock);
  let isStopping = false;
  let isRestarting = false;
  let failures = 0;

  const inState = (...states: Member['state'][]): Member[] =>
    [...members].filter(({ state }) => states.includes(state));

  function take(member: Member, message: FromMember): void {
    if (message.type === 'snapshot') page.take(message.id, message.metrics);
    if (message.type === 'last counts') {
      member.hasCounted = true;
      void page.keepCounts(message.metrics);
    }
    if (message.type !== 'page wanted') return;
    const asked = inState('ready', 'ending').flatMap(({ child, hasCounted }) => (hasCounted ? [] : [child]));
    void page.read(asked).then((text) => member.child.send({ type: 'page', id: message.id, text }));
  }

  function add(): Member {
    const child = fork();
    const startedMs = clock.now();
    let tellReady: () => void;
    let tellEnded: (code: number | null) => void;
    let refuse: (error: Error) => void;
    const member: Member = {
      child,
      state: 'starting',
      hasCounted: false,
      ready: new Promise((resolve, reject) => ([tellReady, refuse] = [resolve, reject])),
      ended: new Promise((resolve) => (tellEnded = resolve)),
    };
    member.ready.catch(() => undefined);
    members.add(member);
    child.onMessage((message) => {
      if (message.type === 'ready' && member.state === 'starting') {
        member.state = 'ready';
        tellReady();
      } else take(member, message);
    });
    child.onExit((code, signal) => {
      const before = member.state;
      member.state = 'ended';
      members.delete(member);
      refuse(new Error(`an API process ended with ${signal ?? code ?? 'nothing'} before it was ready`));
      tellEnded(code);
      if (before === 'ready') replace(member, startedMs, { code, signal });
    });
    return member;
  }

  function replace({ child: { pid } }: Member, startedMs: number, end: object): void {
    if (isStopping) return;
    failures = clock.now() - startedMs >= healthyMs ? 1 : failures + 1;
    const delayMs = backoffMs(failures, restart);
    log.error({ process: pid, ...end, restartInMs: delayMs }, 'an API process ended by itself');
    clock.after(delayMs, () => void tryAgain());
  }

  async function tryAgain(): Promise<void> {
    if (isStopping || inState('starting', 'ready').length >= count) return;
    const member = add();
    await member.ready.then(
      () => log.info({ process: member.child.pid }, 'an API process was started again'),
      () => replace(member, clock.now(), { code: 'not started' }),
    );
  }

  async function end(member: Member, signal: NodeJS.Signals): Promise<number | null> {
    if (member.state !== 'ended') {
      member.state = 'ending';
      member.child.kill(signal);
    }
    return member.ended;
  }

  async function stop(signal: NodeJS.Signals): Promise<number> {
    isStopping = true;
    const codes = await Promise.all([...members].map((member) => end(member, signal)));
    return codes.filter((code) => code !== 0).length;
  }

  return {
    async start() {
      try {
        // A port that is taken is said once.
        await add().ready;
        await Promise.all(Array.from({ length: count - 1 }, () => add().ready));
      } catch (error) {
        await stop('SIGINT');
        throw error;
      }
    },
    async restart() {
      if (isRestarting || isStopping) return;
      isRestarting = true;
      log.info({ processes: count }, 'the API processes restart one after another');
      try {
        for (const old of inState('ready')) {
          if (isStopping) return;
          await add().ready;
          old.child.send({ type: 'replaced' });
          await end(old, 'SIGTERM');
        }
        log.info({ processes: count }, 'the API processes have restarted');
      } catch (error) {
        log.error({ err: error }, 'the restart has stopped: the processes that are left go on as they were');
      } finally {
        isRestarting = false;
      }
    },
    stop,
    signalAll: (signal) => members.forEach(({ child }) => child.kill(signal)),
  };
}
