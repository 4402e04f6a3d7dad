// Virtual time: events run in the order of their time, equal times in seeded order. Between two events everything that
// the first one set off is drained: each runs in a setImmediate callback of its own, and Node empties process.nextTick's
// queue and the promises' between those. No real time passes, and no real timer is used.
import type { Clock } from '../../src/domain/clock.ts';
import type { Random } from './random.ts';

/**
 * Whose event it is: `timer`, `input` and `soon` belong to the process under test and stand still while its event loop is
 * frozen; `world` is the broker and the network.
 */
export type EventKind = 'timer' | 'input' | 'soon' | 'world';

export interface Scheduler {
  readonly nowMs: number;
  readonly eventCount: number;
  /** The clock of the process under test. */
  readonly clock: Clock;
  at(timeMs: number, kind: EventKind, run: () => void): void;
  after(delayMs: number, kind: EventKind, run: () => void): void;
  /** The process under test does nothing until then. */
  freeze(untilMs: number): void;
  /** Runs events until none is left, `stop` was called, or one throws; `afterEach` runs when all is drained. */
  run(afterEach: () => void): Promise<void>;
  stop(): void;
}

interface Event {
  timeMs: number;
  rank: number;
  tie: number;
  kind: EventKind;
  run: (() => void) | undefined;
}

/** As Node's event loop after a stall: timers come first, then sockets, then immediates. */
const rankAfterFreeze: Record<EventKind, number> = { timer: 1, input: 2, soon: 3, world: 0 };
const rankSoon = 3;
const rankUsual = 2;
/** A run that does not end is a finding of its own. */
const eventsMax = 400_000;
/** Immediates that are queued at a time: one turn of the real event loop for so many events. */
const eventsPerTurn = 64;

const isBefore = (left: Event, right: Event): boolean =>
  left.timeMs - right.timeMs < 0 ||
  (left.timeMs === right.timeMs && (left.rank - right.rank || left.tie - right.tie) < 0);

export function createScheduler(random: Random): Scheduler {
  const heap = createHeap();
  let nowMs = 0;
  let eventCount = 0;
  let frozenUntilMs = 0;
  let sequence = 0;
  let isStopped = false;

  function add(timeMs: number, kind: EventKind, run: () => void): Event {
    const isSoon = kind === 'soon';
    const event: Event = {
      timeMs: Math.max(timeMs, nowMs),
      rank: isSoon ? rankSoon : rankUsual,
      tie: isSoon ? sequence++ : random.next(),
      kind,
      run,
    };
    heap.push(event);
    return event;
  }

  const clock: Clock = {
    now: () => nowMs,
    after(delayMs, fn) {
      // Node rounds delays to whole milliseconds of a clock that it reads once per turn: a timer may come early.
      const event = add(nowMs + Math.max(0.5, delayMs + random.between(-0.9, 1.5)), 'timer', fn);
      return { cancel: () => (event.run = undefined) };
    },
    soon: (fn) => void add(nowMs, 'soon', fn),
  };

  /** Returns false when there is nothing left to do. */
  function runNext(): boolean {
    const event = isStopped ? undefined : heap.pop();
    if (event === undefined) return false;
    if (event.run === undefined) return true;
    nowMs = event.timeMs;
    if (event.kind !== 'world' && frozenUntilMs > nowMs) {
      event.timeMs = frozenUntilMs;
      event.rank = rankAfterFreeze[event.kind];
      event.tie = sequence++;
      heap.push(event);
      return true;
    }
    if (++eventCount > eventsMax) throw new Error(`more than ${eventsMax} events`);
    event.run();
    return true;
  }

  return {
    get nowMs() {
      return nowMs;
    },
    get eventCount() {
      return eventCount;
    },
    clock,
    at: (timeMs, kind, run) => void add(timeMs, kind, run),
    after: (delayMs, kind, run) => void add(nowMs + delayMs, kind, run),
    freeze: (untilMs) => (frozenUntilMs = Math.max(frozenUntilMs, untilMs)),
    stop: () => (isStopped = true),
    run: (afterEach) =>
      new Promise((resolve, reject) => {
        let isOver = false;
        const end = (settle: () => void): void => {
          isOver = true;
          settle();
        };
        const step = (): void => {
          if (isOver) return;
          try {
            if (eventCount > 0) afterEach();
            if (!runNext()) end(resolve);
          } catch (error) {
            end(() => reject(error instanceof Error ? error : new Error(String(error))));
          }
        };
        const turn = (): void => {
          if (isOver) return;
          for (let index = 0; index < eventsPerTurn; index++) setImmediate(step);
          setImmediate(turn);
        };
        turn();
      }),
  };
}

interface Heap {
  push(event: Event): void;
  pop(): Event | undefined;
}

function createHeap(): Heap {
  const events: Event[] = [];
  const at = (index: number): Event => events[index] as Event;

  function swap(left: number, right: number): void {
    const event = at(left);
    events[left] = at(right);
    events[right] = event;
  }

  return {
    push(event) {
      let index = events.push(event) - 1;
      for (let parent; index > 0 && isBefore(at(index), at((parent = (index - 1) >> 1))); index = parent) {
        swap(index, parent);
      }
    },
    pop() {
      const first = events[0];
      const last = events.pop();
      if (first === undefined || last === undefined || events.length === 0) return first;
      events[0] = last;
      for (let index = 0; ;) {
        let least = index;
        for (const child of [2 * index + 1, 2 * index + 2]) {
          if (child < events.length && isBefore(at(child), at(least))) least = child;
        }
        if (least === index) return first;
        swap(index, least);
        index = least;
      }
    },
  };
}
