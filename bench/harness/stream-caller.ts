// A caller that sends the same stream again and again: it writes all lines, and reads the reports meanwhile.
import { connect } from 'node:net';
import type { Caller, OnDone } from './caller.ts';
import type { StreamLoad } from './load.ts';

/** The end of a chunked body (RFC 9112, 7.1). */
const bodyEnd = '\r\n0\r\n\r\n';

export function createStreamCaller({ port, lines }: StreamLoad, onDone: OnDone): Caller {
  const body = '{"operation":"add","a":1,"b":2}\n'.repeat(lines);
  const head = `POST /jobs/stream HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${body.length}\r\n\r\n`;
  const request = Buffer.from(head + body);
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  /** What was read last: the summary is in it when the body has ended. */
  let tail = '';
  const caller: Caller = {
    opened: new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    }),
    next: () => void socket.write(request),
    close: () => socket.destroy(),
  };
  socket.on('data', (chunk) => {
    tail = (tail + chunk.toString('latin1')).slice(-1000);
    if (!tail.endsWith(bodyEnd)) return;
    const isWhole = tail.includes(`"enqueued":${lines},`) && tail.includes('"completed":true');
    tail = '';
    onDone(caller, isWhole);
  });
  for (const event of ['error', 'end']) socket.on(event, () => onDone(caller, false));
  return caller;
}
