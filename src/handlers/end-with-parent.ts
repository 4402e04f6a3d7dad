// Ends a handler process whose worker has died. The process sees that its socket was closed, but not while a job blocks its
// event loop, and then it would use a processor for ever. So a thread of its own compares the parent's process id.
import { Worker } from 'node:worker_threads';

const lookMs = 1000;

/** The code of the thread. A process whose parent has died gets another parent (getppid(2)). */
const watch = `
const { workerData } = require('node:worker_threads');
setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, ${lookMs});`;

export function endWithParent(): void {
  const resourceLimits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 };
  new Worker(watch, { eval: true, workerData: process.ppid, resourceLimits, execArgv: [] }).unref();
}
