// The console: a page at /, and its live figures where the service can be operated over HTTP.
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import type { Operator } from '../../domain/operator.ts';
import { registerConsoleEvents, type EventsOptions } from './events.ts';
import { createFeed, type FeedOptions } from './feed.ts';
import { registerConsolePage } from './page.ts';

export type ConsoleOptions = Pick<FeedOptions, 'poll' | 'troubles' | 'about'>;

interface Surroundings extends Pick<FeedOptions, 'metrics' | 'clock'>, Pick<EventsOptions, 'draining' | 'connections'> {
  /** Undefined: nobody may operate the broker over HTTP, and the page shows no metrics. */
  operator?: Operator | undefined;
  /** Requires a key of an operator. */
  operatorHook: onRequestHookHandler | undefined;
}

/** Call it when `readiness` of the app exists. */
export function registerConsole(app: FastifyInstance, options: ConsoleOptions, surroundings: Surroundings): void {
  registerConsolePage(app);
  const { operator, operatorHook, metrics, clock, draining, connections } = surroundings;
  if (operator === undefined) return;
  const feed = createFeed({ ...options, metrics, clock, readiness: app.readiness });
  registerConsoleEvents(app, { feed, draining, connections, protect: operatorHook ? [operatorHook] : [] });
}
