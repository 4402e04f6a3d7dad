// One keep-alive HTTP/1.1 connection with one request at a time, as cheap as can be: on a machine with few processors the
// generator's own work is taken from the server's. Responses need a content-length.
import { connect } from 'node:net';

export interface HttpConnection {
  opened: Promise<void>;
  /** `request` is the whole request, head and body. */
  send(request: Buffer): void;
  close(): void;
}

export interface HttpHandlers {
  /** `response` holds head and body; it is the connection's until the next `send`. */
  onResponse: (status: number, response: Buffer, bodyStart: number) => void;
  onLost: (error: Error) => void;
}

export function openHttpConnection(port: number, { onResponse, onLost }: HttpHandlers): HttpConnection {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  let received: Buffer | undefined;
  let length = 0;
  let bodyStart = 0;
  socket.on('data', (chunk) => {
    received = received ? Buffer.concat([received, chunk]) : chunk;
    if (length === 0) {
      const headEnd = received.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      bodyStart = headEnd + 4;
      const match = /\r\ncontent-length: *(\d+)/i.exec(received.toString('latin1', 0, headEnd));
      if (!match) return void socket.destroy(new Error('a response without content-length'));
      length = bodyStart + Number(match[1]);
    }
    if (received.length < length) return;
    const response = received;
    received = undefined;
    length = 0;
    // "HTTP/1.1 202": the status is in bytes 9 to 11.
    onResponse(Number(response.toString('latin1', 9, 12)), response, bodyStart);
  });
  socket.on('error', onLost);
  socket.on('end', () => onLost(new Error('closed by the server')));
  const opened = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  opened.catch(() => undefined);
  return { opened, send: (request) => void socket.write(request), close: () => socket.destroy() };
}

export function encodeRequest(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: string,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const lines = Object.entries({ host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join('')}`;
  if (body === undefined) return Buffer.from(`${head}\r\n`);
  const type = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}`;
  return Buffer.from(`${head}${type}\r\n\r\n${body}`);
}
