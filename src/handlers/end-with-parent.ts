// Ends a handler process whose worker has died. The closed socket says so, too, but not while a job blocks the event loop:
// such a process would use a processor for ever. A thread looks, because nothing else runs then.
import { Worker } from 'node:worker_threads';

const lookMs = 1000;

/** In the language of the thread; an orphan is given another parent (getppid(2)). */
const watch = `
const { workerData } = require('node:worker_threads');
setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, ${lookMs});`;

export function endWithParent(): void {
  const resourceLimits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 };
  new Worker(watch, { eval: true, workerData: process.ppid, resourceLimits, execArgv: [] }).unref();
}
