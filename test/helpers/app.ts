// Builds the HTTP side for a test, on a recording producer unless told otherwise, and closes it at the test's end.
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { systemClock } from '../../src/domain/clock.ts';
import { createApp, type AppOptions } from '../../src/http/app.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { entryOptions } from './jobs.ts';
import { createRecordingProducer, type RecordingProducer } from './recording-producer.ts';

export interface BuiltApp {
  app: FastifyInstance;
  producer: RecordingProducer;
  /** Begins the drain. */
  drain: () => void;
  /** Lines of the log, parsed. */
  log: Record<string, unknown>[];
  post: (url: string, body: unknown, headers?: Record<string, string>) => Promise<LightMyRequestResponse>;
  get: (url: string, headers?: Record<string, string>) => Promise<LightMyRequestResponse>;
  del: (url: string, headers?: Record<string, string>) => Promise<LightMyRequestResponse>;
  /** Listens on a free port of 127.0.0.1; resolves with the address. */
  listen: () => Promise<string>;
}

export function build(
  t: Pick<TestContext, 'after'>,
  overrides: Partial<AppOptions> & { logLevel?: string } = {},
): BuiltApp {
  const { logLevel = 'info', ...options } = overrides;
  const producer = createRecordingProducer();
  const draining = new AbortController();
  const log: Record<string, unknown>[] = [];
  const logger = pino({ level: logLevel }, { write: (line: string) => void log.push(JSON.parse(line)) });
  const app = createApp({
    producer,
    remover: { tells: true, remove: () => Promise.resolve(false), close: () => Promise.resolve() },
    results: undefined,
    keys: undefined,
    metrics: createMetrics('0.0.0'),
    logger,
    clock: systemClock,
    version: '0.0.0',
    durability: 'memory',
    enqueueTimeoutMs: 20_000,
    batchMaxJobs: 1000,
    batchBodyBytesMax: 524_288,
    ...entryOptions,
    draining: draining.signal,
    ...options,
  });
  t.after(() => app.close());

  /** On a busy machine the app may say that its event loop lags, and has done nothing: again, unless the test has the clock. */
  async function ask(request: InjectOptions): Promise<LightMyRequestResponse> {
    for (;;) {
      const response = await app.inject(request);
      if (options.clock !== undefined || !response.body.includes('"The event loop lags"')) return response;
      await delay(250);
    }
  }

  return {
    app,
    producer,
    drain: () => draining.abort(),
    log,
    post: (url, body, headers = {}) =>
      ask({
        method: 'POST',
        url,
        headers: { 'content-type': 'application/json', ...headers },
        payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      }),
    get: (url, headers = {}) => ask({ method: 'GET', url, headers }),
    del: (url, headers = {}) =>
      ask({ method: 'DELETE', url, headers: { 'content-type': 'application/json', ...headers } }),
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
  };
}

export interface RawClient {
  socket: Socket;
  /** Everything received so far. */
  received: () => string;
  /** Resolves when what was received is enough; rejects when the connection closes before. */
  until: (isEnough: (text: string) => boolean) => Promise<string>;
  /** Resolves with everything received, when the connection is closed. */
  closed: Promise<string>;
}

/** A socket that sends exactly the given bytes to a listening app. */
export async function connectRaw(t: Pick<TestContext, 'after'>, app: FastifyInstance, bytes = ''): Promise<RawClient> {
  const socket = connect({ port: (app.server.address() as AddressInfo).port, host: '127.0.0.1' });
  t.after(() => socket.destroy());
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk));
  // A reset is an end like any other here; what was received before it is what counts.
  socket.on('error', () => undefined);
  const closed = once(socket, 'close').then(() => text);
  await once(socket, 'connect');
  if (bytes !== '') socket.write(bytes);
  const until = (isEnough: (text: string) => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const check = (): void => void (isEnough(text) && resolve(text));
      socket.on('data', check);
      socket.on('close', () => reject(new Error(`closed early: ${text}`)));
      check();
    });
  return { socket, received: () => text, until, closed };
}
