// The broker in a thread of its own, so that syncing and parsing do not hold up the program around it.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AuditEntry } from './audit.ts';
import type { Broker } from './broker.ts';
import type { BrokerLimits } from './limits.ts';

/** What crosses into the thread: plain values only. */
export interface BrokerThreadData {
  dataDir?: string | undefined;
  host?: string;
  port?: number;
  password?: string | undefined;
  limits?: Partial<BrokerLimits>;
}

export interface BrokerThreadOptions extends BrokerThreadData {
  /** Told of failures that no reply can carry. */
  report?: (message: string, cause?: string) => void;
  /** Told of commands that stop or destroy the work of others. */
  onAudit?: (entry: AuditEntry) => void;
}

export type BrokerThreadMessage =
  | { type: 'ready'; host: string; port: number; durability: Broker['durability']; recovered: Broker['recovered'] }
  | { type: 'refused'; message: string; code: string | undefined }
  | { type: 'report'; message: string; cause: string | undefined }
  | { type: 'audit'; entry: AuditEntry };

export interface BrokerThread extends Broker {
  /** Called when the thread ends without `close`; `error` is what it died of. */
  onExit(fn: (error: Error | undefined) => void): void;
}

/** How long `close` waits for the thread; what was acknowledged is on disk in any case. */
const closeMsMax = 5000;

function startWorker(workerData: BrokerThreadData): Worker {
  if (extname(import.meta.url) === '.js')
    return new Worker(new URL('./broker-worker.js', import.meta.url), { workerData });
  // Run from the sources: a thread of Node 20 does not inherit the loader of its parent.
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const entry = JSON.stringify(new URL('./broker-worker.ts', import.meta.url).href);
  const code = `import(${loader}).then(({ register }) => (register(), import(${entry})))`;
  return new Worker(code, { eval: true, workerData });
}

/** Rejects with the broker's own message when it cannot start, for example because the folder is in use. */
export async function startBrokerThread(options: BrokerThreadOptions = {}): Promise<BrokerThread> {
  const { report = () => {}, onAudit = () => {}, ...workerData } = options;
  const worker = startWorker(workerData);
  const exitListeners: ((error: Error | undefined) => void)[] = [];
  let died: Error | undefined;
  let closing: Promise<void> | undefined;
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      resolve();
      if (!closing) for (const listener of exitListeners) listener(died);
    });
  });

  const ready = await new Promise<Extract<BrokerThreadMessage, { type: 'ready' }>>((resolve, reject) => {
    worker.on('error', (error) => reject((died = error)));
    worker.once('exit', (code) => reject(died ?? new Error(`the broker's thread ended with code ${code}`)));
    worker.on('message', (message: BrokerThreadMessage) => {
      if (message.type === 'ready') resolve(message);
      else if (message.type === 'report') report(message.message, message.cause);
      else if (message.type === 'audit') onAudit(message.entry);
      else reject(Object.assign(new Error(message.message), { code: message.code }));
    });
  });

  async function close(): Promise<void> {
    worker.postMessage('close');
    const timeout = setTimeout(() => void worker.terminate(), closeMsMax);
    await exited;
    clearTimeout(timeout);
  }

  const { host, port, durability, recovered } = ready;
  return {
    host,
    port,
    durability,
    recovered,
    close: () => (closing ??= close()),
    onExit: (fn) => void exitListeners.push(fn),
  };
}
