// A connection to a broker or to Redis: one line out, one reply back (RESP2 without arrays). The bench's own, so that what
// counts the jobs shares no code with what stores them.
import { connect, type NetConnectOpts } from 'node:net';
import { once } from 'node:events';

export interface RespLink {
  /** Resolves to the reply's text, null for nil. Rejects when the server answers with an error. Replies keep the order. */
  call(line: string): Promise<string | null>;
  close(): void;
}

interface Waiter {
  resolve: (text: string | null) => void;
  reject: (error: Error) => void;
}

/** Reads replies off a stream of chunks. */
function createReplies(onReply: (text: string | null, isError: boolean) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (let lineEnd; (lineEnd = rest.indexOf('\r\n')) !== -1;) {
      const line = rest.toString('utf8', 1, lineEnd);
      let end = lineEnd + 2;
      let text: string | null = line;
      if (rest[0] === 0x24) {
        const length = Number(line);
        if (length >= 0) {
          end += length + 2;
          if (rest.length < end) return;
          text = rest.toString('utf8', lineEnd + 2, end - 2);
        } else text = null;
      }
      const isError = rest[0] === 0x2d;
      rest = rest.subarray(end);
      onReply(text, isError);
    }
  };
}

async function openLink(at: NetConnectOpts, greets: boolean): Promise<RespLink> {
  const socket = connect({ noDelay: true, ...at });
  const waiting: Waiter[] = [];
  const enter = (): Promise<string | null> => new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  const fail = (error: Error): void => waiting.splice(0).forEach(({ reject }) => reject(error));
  socket.on(
    'data',
    createReplies((text, isError) => {
      const waiter = waiting.shift();
      if (isError) waiter?.reject(new Error(text ?? ''));
      else waiter?.resolve(text);
    }),
  );
  const greeting = greets ? enter() : undefined;
  await once(socket, 'connect');
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the connection was closed')));
  await greeting;
  return {
    call(line) {
      const reply = enter();
      socket.write(`${line}\r\n`);
      return reply;
    },
    close: () => socket.destroy(),
  };
}

export const openRedisLink = (at: NetConnectOpts): Promise<RespLink> => openLink(at, false);

/** Past the handshake. `hello` may hold a worker's id. */
export async function openFaktoryLink(
  port: number,
  hello: { wid?: string } = {},
  host = '127.0.0.1',
): Promise<RespLink> {
  const link = await openLink({ host, port }, true);
  await link.call(`HELLO ${JSON.stringify({ v: 2, ...hello })}`);
  return link;
}
