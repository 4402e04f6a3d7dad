// A server that answers as a test tells it, for commands of the command line.
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/**
 * Goes away with the test; resolves with its URL.
 *
 * @param listener is called when a request is read
 * @param begin is called as it begins, and reads it itself
 */
export async function startServer(t: TestContext, listener: RequestListener, begin?: RequestListener): Promise<string> {
  const server = createServer((request, response) => {
    if (begin) return begin(request, response);
    request.resume();
    request.once('end', () => listener(request, response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Its Retry-After is longer than the time that the commands have, so that they do not repeat the request. */
export const respond = (response: ServerResponse, status: number, body: object): void =>
  void response
    .writeHead(status, { 'content-type': 'application/json', 'retry-after': '100' })
    .end(JSON.stringify(body));

/** Where nothing listens any more. */
export async function goneUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}
