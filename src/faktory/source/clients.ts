// The connections of a worker, by their purpose: a FETCH that blocks on an empty queue delays no ACK and no BEAT.
import { FaktoryClient, type FaktoryClientOptions } from '../client.ts';
import { fetchesPerConnectionMax } from './fetch-lane.ts';

/** The part of the log that the source uses. */
export interface SourceLog {
  info(message: string): void;
  warn(fields: object, message: string): void;
}

export type SourceClients = Readonly<Record<'fetch' | 'report' | 'beat', FaktoryClient>>;

export interface SourceClientsOptions extends Omit<FaktoryClientOptions, 'size' | 'onChange'> {
  /** How many jobs may run at once. */
  concurrency: number;
  /** The most connections for FETCH. */
  connectionsMax: number;
}

/** The broker handles the ACKs of a connection one after another, with four commands to Redis each: twice the work of a FETCH. */
const reportConnectionsMax = 4;

/** @param onChange called as a client's connections, or its reason to be down, change; after this function has returned */
export function createClients(
  options: SourceClientsOptions,
  onChange: Readonly<Record<keyof SourceClients, () => void>>,
): SourceClients {
  const size = Math.min(options.connectionsMax, Math.ceil(options.concurrency / fetchesPerConnectionMax));
  const open = (purpose: keyof SourceClients, connections: number): FaktoryClient =>
    new FaktoryClient({ labels: ['work-factory'], ...options, size: connections, onChange: onChange[purpose] });
  const reportSize = Math.min(reportConnectionsMax, size);
  return { fetch: open('fetch', size), report: open('report', reportSize), beat: open('beat', 1) };
}

/** Logs that the broker is away and that it is there again. */
export function createAwayLog({ fetch }: SourceClients, log: SourceLog) {
  let isAway = false;
  let isEnded = false;
  return {
    look(): void {
      const reason = fetch.downReason;
      if (reason && !isAway && !isEnded) log.warn({ error: reason.message }, 'the broker is away');
      if (!reason && isAway) log.info('the broker is there again');
      isAway = reason !== undefined;
    },
    /** The worker stops and closes its connections itself: their loss is not logged. */
    end(): void {
      isEnded = true;
    },
  };
}
