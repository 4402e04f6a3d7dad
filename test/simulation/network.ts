// The simulated network: opens sockets to the simulated broker, watches how often, and when nothing is live.
// What each socket must never do is checked here and in socket.ts; what bytes may do on the way is in socket.ts.
import { SimulatedSocket } from './socket.ts';
import type { FarEnd, Peer, World } from './world.ts';

export interface Network {
  connect(): SimulatedSocket;
  /** Nothing passes, in either direction, until then. */
  partition(untilMs: number): void;
  /** The broker's host takes no more bytes until then. */
  stopReading(untilMs: number): void;
  /** Connection attempts vanish until then. */
  blackhole(untilMs: number): void;
  readonly liveCount: number;
  readonly openCount: number;
  /** Since when no socket has been live; undefined while one is. */
  readonly noneLiveSinceMs: number | undefined;
  /** Since when every live socket has been in doubt; undefined while one is not, or none is live. */
  readonly noneTrustedSinceMs: number | undefined;
  /** The end of all faults. */
  heal(): void;
  /** From now on nothing may be opened. */
  close(): void;
  /** Checks after every event. */
  checkSockets(): void;
}

/** The client's shortest pauses: 50 ms doubled up to 500 ms, halved by chance, less what a timer may come early. */
const pausesMsMin = [24, 49, 99, 199, 249];
/** Barren connections per lane that the backoff allows in any second: its steps are 25, 50, 100, 200 and 250 ms at the least. */
const barrenPerLaneMax = 7;

export interface NetworkOptions {
  world: World;
  /** Undefined: the connection is refused. */
  accept: (far: FarEnd) => Peer | undefined;
}

export function createNetwork({ world, accept }: NetworkOptions): Network {
  const { plan, scheduler, fail, log } = world;
  const open = new Set<SimulatedSocket>();
  const doubt = { sinceMs: -1 };
  let noneTrustedSinceMs: number | undefined;
  const until = { partition: 0, stopReading: 0, blackhole: 0 };
  let socketCount = 0;
  let isClosed = false;
  let noneLiveSinceMs: number | undefined = 0;
  let attemptsWhileNoneLive = 0;
  const barrenAtMs: number[] = [];

  const countLive = (): number => [...open].filter((socket) => socket.isLive).length;

  /** One attempt per step of the backoff, and those that were about to begin when the last connection was lost. */
  function checkAttempt(): void {
    if (noneLiveSinceMs === undefined) return;
    let steps = plan.connections;
    for (let atMs = noneLiveSinceMs; atMs < scheduler.nowMs; steps++) {
      atMs += pausesMsMin[Math.min(steps - plan.connections, pausesMsMin.length - 1)] as number;
    }
    if (++attemptsWhileNoneLive > steps) {
      const sinceMs = scheduler.nowMs - noneLiveSinceMs;
      fail('no backoff', `${attemptsWhileNoneLive} attempts in ${sinceMs.toFixed(1)} ms without a connection`);
    }
  }

  /** A connection that never carried a reply has told nobody that the broker is well. */
  function noteBarren(): void {
    world.count('barren connections');
    barrenAtMs.push(scheduler.nowMs);
    while ((barrenAtMs[0] as number) < scheduler.nowMs - 1000) barrenAtMs.shift();
    if (barrenAtMs.length > barrenPerLaneMax * plan.connections + 1) {
      fail('no backoff', `${barrenAtMs.length} connections without a reply in a second`);
    }
  }

  function noteClosed(socket: SimulatedSocket): void {
    open.delete(socket);
    if (socket.repliesDelivered === 0 && !socket.isEndedByUs) noteBarren();
    if (countLive() > 0 || noneLiveSinceMs !== undefined) return;
    noneLiveSinceMs = scheduler.nowMs;
    attemptsWhileNoneLive = 0;
  }

  const network: Network = {
    connect() {
      if (isClosed) fail('connect after close', `#${socketCount + 1}`);
      checkAttempt();
      world.count('connect attempts');
      const socket = new SimulatedSocket({
        id: ++socketCount,
        world,
        until,
        doubt,
        onLive: () => (noneLiveSinceMs = undefined),
        onClosed: () => noteClosed(socket),
      });
      open.add(socket);
      log.add(scheduler.nowMs, `#${socket.id} connect`);
      socket.dial(accept);
      return socket;
    },
    partition: (untilMs) => (until.partition = Math.max(until.partition, untilMs)),
    stopReading: (untilMs) => (until.stopReading = Math.max(until.stopReading, untilMs)),
    blackhole: (untilMs) => (until.blackhole = Math.max(until.blackhole, untilMs)),
    get liveCount() {
      return countLive();
    },
    get openCount() {
      return open.size;
    },
    get noneLiveSinceMs() {
      return noneLiveSinceMs;
    },
    get noneTrustedSinceMs() {
      return noneTrustedSinceMs;
    },
    heal: () => open.forEach((socket) => socket.heal()),
    close: () => (isClosed = true),
    checkSockets() {
      for (const socket of open) if (socket.isInDoubt) fail('doubtful connection kept', `#${socket.id}`);
      const live = [...open].filter((socket) => socket.isLive);
      const isNoneTrusted = live.length > 0 && live.every((socket) => socket.isDoubted);
      noneTrustedSinceMs = isNoneTrusted ? (noneTrustedSinceMs ?? scheduler.nowMs) : undefined;
    },
  };
  return network;
}
