// The Faktory of the settings, asked from this machine.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../config/load.ts';
import type { FaktoryAddress } from '../../domain/faktory-address.ts';
import { FaktoryClient } from '../../faktory/client.ts';
import { clientOptions } from '../../roles/client-options.ts';
import { printable } from '../output.ts';
import { find, lookMsMax, type Finding } from './finding.ts';

/** The library's type lacks the totals, and the fields of INFO about the server itself. */
type Info = Awaited<ReturnType<FaktoryClient['info']>> & {
  readonly faktory: { readonly total_processed: number };
  readonly server?: { readonly description?: string; readonly faktory_version?: string };
};

/** The time between two readings, when jobs are queued. A worker that found no job asks Faktory again after 2 s. */
const flowMs = 3000;

export async function checkBroker(config: Config, address: FaktoryAddress): Promise<Finding[]> {
  const given = clientOptions(config, address);
  // The first attempt to connect ends in time and says why it failed.
  let opened: { resolve: () => void; reject: (reason: Error) => void };
  const live = new Promise<void>((resolve, reject) => (opened = { resolve, reject }));
  const client = new FaktoryClient({
    ...given,
    connectTimeoutMs: Math.min(given.connectTimeoutMs, lookMsMax),
    readTimeoutMs: Math.min(given.readTimeoutMs, lookMsMax),
    size: 1,
    onChange() {
      if (client.live.length > 0) opened.resolve();
      else if (client.downReason) opened.reject(client.downReason);
    },
  });
  const place = `${address.host}:${address.port}`;
  try {
    await live;
    const info = (await client.info()) as Info;
    const name = printable([info.server?.description, info.server?.faktory_version].join(' ').trim());
    const { size: dead } = info.faktory.tasks.Dead;
    const text = `${place} answers: ${name}, ${queuedIn(info)} jobs queued, ${dead} dead`;
    return [find('broker', 'ok', text), ...(await checkFlow(client, info))];
  } catch (error) {
    return [find('broker', 'problem', `${place}: ${printable((error as Error).message)}`)];
  } finally {
    await client.close();
  }
}

/** Whether jobs end while others wait. */
async function checkFlow(client: FaktoryClient, before: Info): Promise<Finding[]> {
  if (queuedIn(before) === 0) return [];
  await sleep(flowMs);
  const after = (await client.info()) as Info;
  const hasEnded = after.faktory.total_processed > before.faktory.total_processed;
  if (queuedIn(after) === 0 || hasEnded) return [];
  const text =
    `${queuedIn(after)} jobs are queued, and none has ended within ${flowMs / 1000} s: does a worker run that fetches from ` +
    "their queue, does it reach its store of results, is the queue paused (on Faktory's page /queues its button reads Resume)?";
  return [find('broker', 'warning', text)];
}

const queuedIn = ({ faktory }: Info): number => Object.values(faktory.queues).reduce((sum, size) => sum + size, 0);
