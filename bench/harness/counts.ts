// How many jobs a broker holds, asked of the broker itself.
import { openFaktoryLink, openRedisLink } from './resp-link.ts';
import type { Scope } from './scope.ts';
import { median } from './stats.ts';
import type { Address } from '../servers/packets.ts';

export interface Counter {
  /** Jobs that wait in the queue. */
  queued(): Promise<number>;
  /** Forgets them all. */
  clear(): Promise<void>;
}

export interface FaktoryCounter extends Counter {
  /** Jobs that workers have acknowledged since the broker's start. */
  processed(): Promise<number>;
}

interface FaktoryInfo {
  faktory: { queues: Record<string, number>; total_processed: number };
}

/** Real Faktory or the embedded broker; its queue `default`. */
export async function useFaktoryCounter(scope: Scope, port: number): Promise<FaktoryCounter> {
  const link = scope.use(await openFaktoryLink(port), (opened) => opened.close());
  const info = async (): Promise<FaktoryInfo> => JSON.parse((await link.call('INFO')) ?? '{}') as FaktoryInfo;
  return {
    queued: async () => (await info()).faktory.queues['default'] ?? 0,
    processed: async () => (await info()).faktory.total_processed,
    clear: async () => void (await link.call('QUEUE REMOVE default')),
  };
}

/** BullMQ's list of waiting jobs of the queue `jobs`. */
export async function useBullmqCounter(scope: Scope, port: number): Promise<Counter> {
  const link = scope.use(await openRedisLink({ port, host: '127.0.0.1' }), (opened) => opened.close());
  return {
    queued: async () => Number(await link.call('LLEN bull:jobs:wait')),
    clear: async () => void (await link.call('FLUSHALL')),
  };
}

/** Round trip in milliseconds of the cheapest command over this path: the median of `samples` empty PUSHBs. */
export async function roundTripMs(path: number | Address, samples = 15): Promise<number> {
  const { host, port } = typeof path === 'number' ? { host: '127.0.0.1', port: path } : path;
  const link = await openFaktoryLink(port, {}, host);
  const times: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const startedMs = performance.now();
    await link.call('PUSHB []');
    times.push(performance.now() - startedMs);
  }
  link.close();
  return median(times);
}
