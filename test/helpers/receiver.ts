// A receiver of deliveries: an HTTP server that notes what it got and answers as the test says. And one attempt of a job
// of the type http_request, made in this process.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { variables } from '../../src/config/variables.ts';
import type { AllowedHost } from '../../src/domain/allowed-host.ts';
import { createHttpRequest } from '../../src/jobs/http-request/definition.ts';
import type { Delivered, DeliveryParts, HttpRequestSettings } from '../../src/jobs/http-request/delivery.ts';
import type { JobContext } from '../../src/jobs/define-job.ts';

export interface Got {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Receiver {
  port: number;
  /** What came in whole, in its order. */
  got: Got[];
  connections: Socket[];
}

export type Respond = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** @param respond called when the request's body is there; `count` is 1 for the first */
export async function startReceiver(
  t: Pick<TestContext, 'after'>,
  respond: Respond = (_request, response) => response.end('thank you'),
  host = '127.0.0.1',
): Promise<Receiver> {
  const got: Got[] = [];
  const connections: Socket[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      got.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
      respond(request, response, got.length);
    });
  });
  server.on('connection', (socket) => void connections.push(socket.on('error', () => undefined)));
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, got, connections };
}

/** Resolves when the connection has ended, also when it did so before. */
export const ended = async (connection: Socket | undefined): Promise<void> => {
  if (connection?.destroyed === false) await new Promise((resolve) => connection.once('close', resolve));
};

export const allow = (text: string): readonly AllowedHost[] => variables.HTTP_REQUEST_ALLOW.schema.parse(text);

const nothing = (): void => undefined;

export const context = (given: Partial<JobContext> = {}): JobContext => ({
  jid: 'job-0001',
  attempt: 1,
  signal: new AbortController().signal,
  log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  requestId: undefined,
  progress: nothing,
  ...given,
});

export interface Attempt extends Partial<Omit<HttpRequestSettings, 'allow'>> {
  allow: string;
  parts?: DeliveryParts;
  context?: Partial<JobContext>;
}

/** Checks the arguments as a handler process does, then makes the attempt. */
export async function attempt(
  args: object,
  { allow: text, parts, context: given, ...settings }: Attempt,
): Promise<Delivered> {
  const definition = createHttpRequest({ allow: allow(text), secrets: [], resultBytesMax: 65_536, ...settings }, parts);
  return (await definition.run?.(definition.args.parse(args), context(given))) as Delivered;
}
