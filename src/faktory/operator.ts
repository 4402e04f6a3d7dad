// What an operator sees of a broker behind FWP. Faktory has no command that lists a set or tells what is paused
// (server/commands.go, v1.9.4): its own page does.
import { isIPv6 } from 'node:net';
import { OperatorError, type Operator, type SetName } from '../domain/operator.ts';
import type { FaktoryAddress, FaktoryClient } from './client.ts';

export interface FaktoryOperatorOptions {
  client: Pick<FaktoryClient, 'info' | 'send' | 'live' | 'downReason' | 'storesInGroups'>;
  address: Pick<FaktoryAddress, 'host'>;
}

/** Of one QUEUE LATENCY: the embedded broker's names have at most 200 characters, its replies 1 MiB. */
const namesMax = 500;
/** Where Faktory's page listens unless it was told otherwise (-w). */
const pagePort = 7420;
const pages = { scheduled: 'scheduled', retries: 'retries', dead: 'morgue' } as const satisfies Record<SetName, string>;

export function createFaktoryOperator({ client, address }: FaktoryOperatorOptions): Operator {
  const pageOf = (path: string): string =>
    `http://${isIPv6(address.host) ? `[${address.host}]` : address.host}:${pagePort}/${path}`;

  function away(cause: unknown): OperatorError {
    return new OperatorError('away', 'The broker does not answer', { cause });
  }

  async function latenciesOf(names: readonly string[]): Promise<Map<string, number>> {
    const latencies = new Map<string, number>();
    for (let start = 0; start < names.length; start += namesMax) {
      const text = await client.send(['QUEUE', 'LATENCY', ...names.slice(start, start + namesMax)]);
      for (const [name, seconds] of Object.entries(JSON.parse(text) as Record<string, number>))
        latencies.set(name, seconds);
    }
    return latencies;
  }

  return {
    async queues() {
      try {
        const { faktory } = await client.info();
        const depths = Object.entries(faktory.queues);
        const latencies = await latenciesOf(depths.map(([name]) => name));
        return depths.map(([name, depth]) => ({
          name,
          depth,
          latencySeconds: latencies.get(name) ?? 0,
          isPaused: null,
        }));
      } catch (error) {
        throw away(error);
      }
    },
    page({ set }) {
      if (client.storesInGroups)
        return Promise.reject(
          new OperatorError('not_supported', 'A broker in another process cannot list its sets to this API'),
        );
      const page = pageOf(pages[set]);
      const message = `Faktory does not list its sets to others; its own page does, by default ${page}`;
      return Promise.reject(new OperatorError('not_supported', message, { page }));
    },
  };
}
