// How much a handler process leaves to the worker and the API where processors are short.
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

const nicenessMax = 19;

/** Makes a process nicer than this one: its first thread, and the threads that are started from then on. */
export function makeNicer(pid: number, steps: number): void {
  setPriority(pid, Math.min(nicenessMax, getPriority() + steps));
}

/**
 * Makes every thread of this process as nice as its first one. On Linux each thread has its own niceness (setpriority(2)), and
 * V8's and libuv's threads may have been started before `makeNicer`.
 */
export function makeThreadsAsNice(): void {
  if (process.platform !== 'linux') return;
  const niceness = getPriority();
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      setPriority(Number(thread), niceness);
    } catch {
      // The thread has ended.
    }
  }
}
