// Removals that arrive while others are under way go to the broker together, because it looks through all its jobs for each
// command.
import { createFifo } from './fifo.ts';

interface Removal {
  jid: string;
  resolve: (isRemoved: boolean) => void;
  reject: (error: unknown) => void;
}

/** The most jids in one command. */
const jidsMax = 100;

/** @param removeAll resolves to the jids of the jobs that it found and removed */
export function createRemovals(
  removeAll: (jids: readonly string[]) => Promise<ReadonlySet<string>>,
): (jid: string) => Promise<boolean> {
  const waiting = createFifo<Removal>();
  let isUnderWay = false;

  /** Takes each jid once, because a second removal of a job finds nothing. */
  function takeRound(): Removal[] {
    const round = new Map<string, Removal>();
    const later: Removal[] = [];
    for (let one; round.size < jidsMax && (one = waiting.shift());) {
      if (round.has(one.jid)) later.push(one);
      else round.set(one.jid, one);
    }
    for (const one of later) waiting.push(one);
    return [...round.values()];
  }

  async function run(): Promise<void> {
    isUnderWay = true;
    while (waiting.size > 0) {
      const round = takeRound();
      try {
        const removed = await removeAll(round.map(({ jid }) => jid));
        for (const { jid, resolve } of round) resolve(removed.has(jid));
      } catch (error) {
        for (const { reject } of round) reject(error);
      }
    }
    isUnderWay = false;
  }

  return (jid) =>
    new Promise((resolve, reject) => {
      waiting.push({ jid, resolve, reject });
      if (!isUnderWay) void run();
    });
}
