// Ids of enqueued jobs on their way to the store: one command for each frame, which no caller waits for. Ids that the store
// did not take are kept here, up to a limit, and sent again.
import type { Clock, Timer } from '../domain/clock.ts';
import { jidTimeMs } from '../domain/jid.ts';

export interface HeldIdsOptions {
  /** Adds ids to the set of the given second; one command. */
  send: (second: number, jids: readonly string[]) => Promise<unknown>;
  /** False while sending is known to be in vain. */
  isReady: () => boolean;
  clock: Clock;
}

export interface HeldIds {
  has(jid: string): boolean;
  add(jids: readonly string[]): void;
  close(): void;
}

/** About 12 MB: ten seconds of the fastest enqueueing. Beyond them the oldest are forgotten. */
const idsMax = 100_000;
const retryMs = 1000;
const retryGroupMax = 1000;

/** The second in which a job's id was made. Undefined: this program did not make the id. */
export function jidSecond(jid: string): number | undefined {
  const timeMs = jidTimeMs(jid);
  return timeMs === undefined ? undefined : Math.floor(timeMs / 1000);
}

export function createHeldIds({ send, isReady, clock }: HeldIdsOptions): HeldIds {
  const held = new Set<string>();
  /** Ids that were not sent, or not taken, by second; the oldest first. */
  const left = new Map<number, string[]>();
  let timer: Timer | undefined;
  let isClosed = false;

  function leave(second: number, jids: readonly string[]): void {
    const others = left.get(second);
    if (others) others.push(...jids);
    else left.set(second, [...jids]);
    if (!isClosed) timer ??= clock.after(retryMs, () => void retry());
  }

  const forget = (jids: readonly string[]): void => jids.forEach((jid) => held.delete(jid));

  function makeRoom(count: number): boolean {
    for (const [second, jids] of left) {
      if (held.size + count <= idsMax) break;
      left.delete(second);
      forget(jids);
    }
    return held.size + count <= idsMax;
  }

  async function retry(): Promise<void> {
    let isTaken = isReady();
    for (const [second, jids] of left) {
      if (!isTaken) break;
      left.delete(second);
      for (let start = 0; start < jids.length; start += retryGroupMax) {
        const group = jids.slice(start, start + retryGroupMax);
        if (isTaken) isTaken = await trySend(second, group);
        else leave(second, group);
      }
    }
    timer = undefined;
    if (left.size > 0 && !isClosed) timer = clock.after(retryMs, () => void retry());
  }

  async function trySend(second: number, jids: readonly string[]): Promise<boolean> {
    try {
      await send(second, jids);
      forget(jids);
      return true;
    } catch {
      leave(second, jids);
      return false;
    }
  }

  function addAll(second: number, jids: readonly string[]): void {
    if (!makeRoom(jids.length)) return;
    for (const jid of jids) held.add(jid);
    if (isReady()) void trySend(second, jids);
    else leave(second, jids);
  }

  return {
    has: (jid) => held.has(jid),
    add: (jids) => splitBySecond(jids, addAll),
    close() {
      isClosed = true;
      timer?.cancel();
    },
  };
}

/** The ids of a frame are nearly always of the same second, or of two seconds. Ids that this program did not make are left out. */
function splitBySecond(jids: readonly string[], take: (second: number, jids: readonly string[]) => void): void {
  let start = 0;
  let second = jidSecond(jids[0] ?? '');
  for (let index = 1; index <= jids.length; index++) {
    const next = index < jids.length ? jidSecond(jids[index] as string) : undefined;
    if (next === second && index < jids.length) continue;
    if (second !== undefined) take(second, jids.slice(start, index));
    start = index;
    second = next;
  }
}
