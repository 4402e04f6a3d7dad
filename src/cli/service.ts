// The service that a command talks to: its URL, the API key, and how long to try.
import { attempt, type ApiResponse } from '../client/attempt.ts';
import { createClient, type Client } from '../client/client.ts';
import type { AnyDefinitions } from '../client/definitions.ts';
import { WorkFactoryError } from '../client/error.ts';
import { createSender } from '../client/sender.ts';
import { systemSurroundings } from '../client/surroundings.ts';
import { UsageError, type OptionSpecs, type Options, type Surroundings } from './command.ts';
import { readSeconds } from './values.ts';

export const defaultUrl = 'http://127.0.0.1:3000';

/** Options of every command that talks to a service. */
export const serviceOptions = {
  url: { value: 'URL', about: `where the service is; default: WORK_FACTORY_URL, or ${defaultUrl}` },
  'api-key': {
    value: 'KEY',
    about:
      'needed where API_KEYS is set. Other users of this machine can read this option: rather set WORK_FACTORY_API_KEY',
  },
  timeout: {
    value: 'SECONDS',
    about:
      'how long to try, 60 by default. A busy service is asked again; with this option also a service that cannot be reached',
  },
  json: { about: 'prints JSON, one object a line, in the names of the HTTP API' },
} as const satisfies OptionSpecs;

export interface Service {
  readonly url: string;
  readonly client: Client<AnyDefinitions>;
  /** Sends a request to a path that the client has no method for. Rejects with a WorkFactoryError. */
  send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<ApiResponse>;
  /** Sends one POST that enqueues nothing, once. Rejects with a WorkFactoryError without an outcome. */
  act(path: string, body: object): Promise<ApiResponse>;
}

interface Given extends Pick<Surroundings, 'env' | 'signal'> {
  readonly options: Options<typeof serviceOptions>;
}

/** @param timeoutSeconds how long to try without --timeout */
export function openService({ env, signal, options }: Given, timeoutSeconds = 60): Service {
  const url = readUrl(options.url ?? (env['WORK_FACTORY_URL'] || defaultUrl));
  const apiKey = readKey(options['api-key'] ?? (env['WORK_FACTORY_API_KEY'] || undefined));
  const seconds = readSeconds('timeout', options.timeout);
  const timeoutMs = (seconds ?? timeoutSeconds) * 1000;
  const waitsForService = seconds !== undefined;
  const client = createClient({ url, apiKey, signal, timeoutMs, waitsForService });
  const sender = createSender({
    ...{ url, apiKey, signal, waitsForService, fetch: globalThis.fetch },
    surroundings: systemSurroundings,
    attemptTimeoutMs: 30_000,
  });
  return {
    url,
    client,
    send: (method, path, body) =>
      sender.send({
        ...{ method, path, deadlineMs: systemSurroundings.now() + timeoutMs },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    async act(path, body) {
      const headers = {
        accept: 'application/json',
        'content-type': 'application/json',
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      };
      const outgoing = { method: 'POST', headers, body: JSON.stringify(body), timeoutMs, signals: [signal] } as const;
      const end = await attempt(globalThis.fetch, systemSurroundings, { ...outgoing, url: url + path });
      if ('response' in end) return end.response;
      throw new WorkFactoryError({ ...end.failure, outcome: undefined });
    },
  };
}

/** The errors never show the URL: it may hold a password. */
function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new UsageError('the URL of the service must be like http://127.0.0.1:3000');
  if (url.username !== '' || url.password !== '')
    throw new UsageError('the URL of the service takes no user and password; set WORK_FACTORY_API_KEY');
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/** Without this check `fetch` would refuse the key with an error that shows the key. */
function readKey(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[\x21-\x7e]+$/.test(text))
    throw new UsageError('the API key must be visible ASCII characters');
  return text;
}
