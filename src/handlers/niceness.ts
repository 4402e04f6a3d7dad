// A handler process leaves the processors to the worker and the API where they are short (docs/decisions/0040-nice-handlers.md).
import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/**
 * Makes this process as nice as can be. On Linux each thread has its own niceness (setpriority(2)); a thread that starts later
 * has the niceness of the thread that starts it.
 */
export function becomeNice(): void {
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [process.pid];
  for (const thread of threads) {
    try {
      setPriority(thread, constants.priority.PRIORITY_LOW);
    } catch {
      // The thread has ended.
    }
  }
}
