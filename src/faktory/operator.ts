// Queues and sets of a broker behind FWP, for operators. Faktory has no command that lists a set or the paused queues
// (server/commands.go, v1.9.4); its web page shows them.
import { isIPv6 } from 'node:net';
import { OwnCause } from '../domain/cause.ts';
import { inTime } from '../domain/in-time.ts';
import {
  OperatorError,
  type Operator,
  type QueueStatus,
  type SetAction,
  type SetChange,
  type SetName,
} from '../domain/operator.ts';
import type { FaktoryAddress } from '../domain/faktory-address.ts';
import { brokerCauseOf } from './classify.ts';
import type { FaktoryClient } from './client.ts';
import { createSideClient, SideError, type SideClientOptions } from './side-client.ts';

export interface FaktoryOperatorOptions extends SideClientOptions {
  client: Pick<FaktoryClient, 'info' | 'send' | 'live' | 'downReason' | 'isEmbedded'>;
  address: Pick<FaktoryAddress, 'host'>;
}

/** The most names in one QUEUE LATENCY: a name in the embedded broker has at most 200 characters, and a reply at most 1 MiB. */
const namesMax = 500;
/** The time for a look at the queues. Faktory itself gives up on its Redis after 6 s. */
const lookMs = 2000;
/** The default port of Faktory's web page (-w). */
const pagePort = 7420;
const pages = { scheduled: 'scheduled', retries: 'retries', dead: 'morgue' } as const satisfies Record<SetName, string>;

const commands = { retry: 'requeue', discard: 'discard', kill: 'kill' } as const satisfies Record<SetAction, string>;

/** A text as Go writes it in JSON (encoding/json), which escapes three more characters for the sake of HTML. */
const goJson = (text: string): string =>
  JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * Matches jobs of exactly this jobtype. Faktory's own filter `jobtype` is a pattern over the whole job, arguments included.
 * Faktory sorts the names inside the arguments, so only the job's own jobtype has `created_at` behind it
 * (docs/decisions/0035-operating-routes.md).
 */
const patternOf = (jobtype: string): string =>
  `*,"jobtype":${goJson(jobtype).replace(/[*?[\]\\^-]/g, String.raw`\$&`)},"created_at":"*`;

/** Faktory cuts the line at its spaces. */
function mutate({ set: target, action, jobtype, jids }: SetChange): string[] {
  const filter = jobtype === undefined ? { jids } : { regexp: patternOf(jobtype) };
  const text = JSON.stringify({ cmd: commands[action], target, filter, report: true });
  return ['MUTATE', text.replaceAll(' ', String.raw`\u0020`)];
}

const problemOf = (error: unknown): OperatorError =>
  error instanceof SideError
    ? new OperatorError(error.outcome, error.message, { cause: error.cause })
    : new OperatorError('unknown', 'The broker gave no clear reply', { cause: error });

export function createFaktoryOperator({ client, address, ...options }: FaktoryOperatorOptions): Operator {
  const side = createSideClient(options);
  const pageOf = (path: string): string =>
    `http://${isIPv6(address.host) ? `[${address.host}]` : address.host}:${pagePort}/${path}`;

  /** The value, or a failure whose text names the reason. */
  const look = async <Value>(looking: Promise<Value>): Promise<Value> => {
    const lateError = (): Error => client.downReason ?? new OwnCause(`it did not answer within ${lookMs} ms`);
    try {
      return await inTime(looking, { clock: options.clock, timeoutMs: lookMs, lateError });
    } catch (cause) {
      const reason = brokerCauseOf(cause as Error) ?? 'it gave no clear reply';
      throw new OperatorError('away', `The broker cannot be used: ${reason}`, { cause });
    }
  };

  return {
    queues: () => look(queuesOf(client)),
    async setPaused(queue, isPaused) {
      const { faktory } = await look(client.info());
      if (!Object.hasOwn(faktory.queues, queue)) return false;
      try {
        await side.send([['QUEUE', isPaused ? 'PAUSE' : 'RESUME', queue]]);
        return true;
      } catch (error) {
        throw problemOf(error);
      }
    },
    page({ set }) {
      if (client.isEmbedded)
        return Promise.reject(
          new OperatorError('not_supported', 'A broker in another process cannot list its sets to this API'),
        );
      const page = pageOf(pages[set]);
      const message = `Faktory does not list its sets to others; its own page does, by default ${page}`;
      return Promise.reject(new OperatorError('not_supported', message, { page }));
    },
    async change(change) {
      try {
        const [reply = ''] = await side.send([mutate(change)]);
        // Only the embedded broker in another process sends the field.
        return reply === 'OK' ? undefined : (JSON.parse(reply) as { affected: number }).affected;
      } catch (error) {
        throw problemOf(error);
      }
    },
    close: () => side.close(),
  };
}

type Asked = Pick<FaktoryClient, 'info' | 'send'>;

async function latenciesOf(client: Asked, names: readonly string[]): Promise<Map<string, number>> {
  const latencies = new Map<string, number>();
  for (let start = 0; start < names.length; start += namesMax) {
    const text = await client.send(['QUEUE', 'LATENCY', ...names.slice(start, start + namesMax)]);
    for (const [name, seconds] of Object.entries(JSON.parse(text) as Record<string, number>))
      latencies.set(name, seconds);
  }
  return latencies;
}

async function queuesOf(client: Asked): Promise<QueueStatus[]> {
  const { faktory } = await client.info();
  const depths = Object.entries(faktory.queues);
  const latencies = await latenciesOf(
    client,
    depths.map(([name]) => name),
  );
  return depths.map(([name, depth]) => ({
    name,
    depth,
    latencySeconds: latencies.get(name) ?? 0,
    isPaused: null,
  }));
}
