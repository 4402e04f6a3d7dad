// The limit in bytes that the parsed heads of all queues share. One queue reads at a time, because many queues that found room at
// once would fill it many times over.
import { createTurn } from './in-turn.ts';

export interface Window {
  /** @param bytes of JSON of jobs that are held from now on; negative when jobs are dropped */
  add(bytes: number): void;
  isFull(): boolean;
  /** A head has got jobs, and `empty` drops them when another head needs the room. */
  filled(empty: () => void): void;
  emptied(empty: () => void): void;
  /** Empties heads until there is room, first the head that was filled the longest ago. Leaves out the caller's own head. */
  makeRoom(own: () => void): void;
  /** Runs one read at a time. */
  inTurn(read: () => Promise<void>): Promise<void>;
}

export function createWindow(bytesMax: number): Window {
  let held = 0;
  const filled = new Set<() => void>();
  const inTurn = createTurn();
  const isFull = (): boolean => held >= bytesMax;
  return {
    add(bytes) {
      held += bytes;
    },
    isFull,
    filled(empty) {
      filled.delete(empty);
      filled.add(empty);
    },
    emptied: (empty) => void filled.delete(empty),
    makeRoom(own) {
      for (const empty of filled) {
        if (!isFull()) return;
        if (empty !== own) empty();
      }
    },
    inTurn,
  };
}
