// GET /metrics, /health and /ready of a process, on an address of their own: for workers and brokers, which have no API, and for
// scrapers that have no key. It uses Node's own server, because three pages need no framework.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readiness } from '../domain/readiness.ts';
import type { Metrics } from '../metrics/metrics.ts';

export interface MonitorOptions {
  host: string;
  port: number;
  metrics: Pick<Metrics, 'contentType' | 'render'>;
  readiness: Readiness;
  /** The name of the service in /health. */
  service: string;
  version: string;
}

export interface Monitor {
  /** For example http://127.0.0.1:9464. */
  readonly url: string;
  close(): Promise<void>;
}

/** Scrapers and probes need few connections, and nobody else needs any. */
const connectionsMax = 64;
const headBytesMax = 8192;
const headTimeoutMs = 5000;
/** A socket is closed after this long without a byte, also when its reader has stopped. */
const idleMs = 30_000;

interface Page {
  status: number;
  type: string;
  text: string;
}

const jsonPage = (status: number, body: object): Page => ({
  status,
  type: 'application/json; charset=utf-8',
  text: JSON.stringify(body),
});

type Pages = ReadonlyMap<string, () => Promise<Page>>;

/** Rejects when the address is taken or not allowed. */
export async function openMonitor(options: MonitorOptions): Promise<Monitor> {
  const { host, port, metrics, readiness, service, version } = options;
  const pages: Pages = new Map([
    ['/metrics', async () => ({ status: 200, type: metrics.contentType, text: await metrics.render() })],
    ['/health', async () => jsonPage(200, { status: 'healthy', service, version })],
    [
      '/ready',
      async () => {
        const { isReady, body } = await readiness();
        return jsonPage(isReady ? 200 : 503, body);
      },
    ],
  ]);
  const server = createServer(
    { maxHeaderSize: headBytesMax, headersTimeout: headTimeoutMs, requestTimeout: headTimeoutMs },
    (request, response) => void respond(pages, request, response),
  );
  server.maxConnections = connectionsMax;
  server.timeout = idleMs;
  server.listen({ host, port });
  await once(server, 'listening');
  return { url: urlOf(server), close: () => close(server) };
}

function urlOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

async function respond(pages: Pages, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, type, text } = await pageOf(pages, request, response);
  const body = Buffer.from(text);
  response.writeHead(status, { 'content-type': type, 'content-length': body.length, 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function pageOf(
  pages: Pages,
  { url = '', method = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<Page> {
  const read = pages.get(url.split('?', 1)[0] as string);
  if (read === undefined) return jsonPage(404, { error: `There is ${[...pages.keys()].join(', ')}` });
  if (method !== 'GET' && method !== 'HEAD') {
    // The connection is closed, so that a body that nobody reads is not taken for the next request.
    response.setHeader('connection', 'close');
    response.setHeader('allow', 'GET, HEAD');
    return jsonPage(405, { error: 'GET and HEAD only' });
  }
  return read().catch(() => jsonPage(500, { error: 'internal' }));
}
