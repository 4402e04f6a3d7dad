// The Faktory of the settings, asked from this machine.
import type { Config } from '../../config/load.ts';
import type { FaktoryAddress } from '../../domain/faktory-address.ts';
import { FaktoryClient } from '../../faktory/client.ts';
import { clientOptions } from '../../roles/client-options.ts';
import { printable } from '../output.ts';
import { find, type Finding } from './finding.ts';

/** The library leaves out what INFO says of the server itself. */
type Info = Awaited<ReturnType<FaktoryClient['info']>> & {
  readonly server?: { readonly description?: string; readonly faktory_version?: string };
};

export async function checkBroker(config: Config, address: FaktoryAddress): Promise<Finding[]> {
  const client = new FaktoryClient({ ...clientOptions(config, address), size: 1 });
  const place = `${address.host}:${address.port}`;
  try {
    await untilLive(client);
    const { server = {}, faktory }: Info = await client.info();
    const queued = Object.values(faktory.queues).reduce((sum, size) => sum + size, 0);
    const name = printable([server.description, server.faktory_version].join(' ').trim());
    return [find('broker', 'ok', `${place} answers: ${name}, ${queued} jobs queued, ${faktory.tasks.Dead.size} dead`)];
  } catch (error) {
    return [find('broker', 'problem', `${place}: ${printable((error as Error).message)}`)];
  } finally {
    await client.close();
  }
}

/** The first attempt ends within FAKTORY_CONNECTION_TIMEOUT, and says why it failed. */
const untilLive = (client: FaktoryClient): Promise<void> =>
  new Promise((resolve, reject) => {
    client.onChange = () => {
      if (client.live.length > 0) resolve();
      else if (client.downReason) reject(client.downReason);
    };
  });
