// Closed-loop load from a process of its own (bench/load-generator.ts), one for the whole run so that its code stays warm.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWithBench } from './processes.ts';

export interface HttpLoad {
  kind: 'http';
  port: number;
  path: string;
  body: string;
  /** Each request has an Idempotency-Key of its own. */
  hasKeys?: boolean;
}

/** Frames of jobs pushed straight to a broker: what any service in front of it can reach at most. */
export interface PushbLoad {
  kind: 'pushb';
  port: number;
  jobsPerFrame: number;
}

/** A caller that sends streams of `lines` lines; a stream begins when the last has ended. */
export interface StreamLoad {
  kind: 'stream';
  port: number;
  lines: number;
}

export interface LoadLimits {
  /** Connections, each with one request at a time. */
  callers: number;
  /** No request starts later; what is under way is waited for. */
  durationMs: number;
  /** Nor do more than these start. */
  requestsMax?: number;
}

export type Load = (HttpLoad | PushbLoad | StreamLoad) & LoadLimits;

export interface LoadResult {
  /** Responses 200, 201, 202, and `{}`. */
  accepted: number;
  /** Any other response, and connections lost. */
  failed: number;
  /** From the first request to the last response. */
  elapsedMs: number;
  p50Ms: number;
  p99Ms: number;
  /** Of the generator's process. */
  generatorCpuMs: number;
}

/** A request that has no response this long after the load's end counts as failed. */
export const responseTimeoutMs = 30_000;

let generator: ChildProcess | undefined;
let waiting: { resolve: (result: LoadResult) => void; reject: (error: Error) => void } | undefined;

export async function runLoad(load: Load): Promise<LoadResult> {
  generator ??= startGenerator();
  const child = generator;
  const timer = setTimeout(() => child.kill('SIGKILL'), load.durationMs + responseTimeoutMs + 5000);
  try {
    return await new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      child.send(load);
    });
  } finally {
    clearTimeout(timer);
  }
}

export function stopLoadGenerator(): void {
  generator?.disconnect();
  generator = undefined;
}

function startGenerator(): ChildProcess {
  const file = fileURLToPath(new URL('../load-generator.ts', import.meta.url));
  const child = fork(file, { execArgv: ['--import', 'tsx'], detached: true });
  endWithBench(child);
  child.on('message', (result: LoadResult) => waiting?.resolve(result));
  child.on('exit', () => waiting?.reject(new Error('the load generator ended')));
  return child;
}
