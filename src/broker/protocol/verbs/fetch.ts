// FETCH queue…: the next job of the first queue that has one. Waits for a job while all of them are empty.
import type { Command } from '../command.ts';

/** A worker lists its queues in every FETCH. Each queue costs a look-up, and a waiter while the queue is empty. */
const queuesMax = 1000;

export const fetch: Command = ({ engine, workers }, session, rest) => {
  const names = new Set(rest.toString().split(' '));
  names.delete('');
  if (names.size === 0) throw new Error('must call fetch with at least one queue');
  if (names.size > queuesMax) throw new Error(`a FETCH takes at most ${queuesMax} queues`);
  engine.handOut.fetch(session, [...names], workers.isQuiet(session.wid));
};
