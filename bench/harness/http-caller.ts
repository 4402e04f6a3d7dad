// A caller that posts one body again and again.
import { randomBytes } from 'node:crypto';
import type { Caller, OnDone } from './caller.ts';
import { encodeRequest, openHttpConnection } from './http-connection.ts';
import type { HttpLoad } from './load.ts';

const counterDigits = 12;

export function createHttpCaller({ port, path, body, hasKeys }: HttpLoad, onDone: OnDone): Caller {
  // Written over for each request: the processor time of the generator is taken from the server.
  const key = `${randomBytes(8).toString('hex')}-${'0'.repeat(counterDigits)}`;
  const request = encodeRequest('POST', path, body, hasKeys ? { 'idempotency-key': key } : {});
  const counterAt = request.indexOf(key) + key.length - counterDigits;
  let sent = 0;
  const connection = openHttpConnection(port, {
    // Zizq says 201, bunqueue 200; 206 is a batch of which a part was not stored.
    onResponse: (status) => onDone(caller, status === 202 || status === 201 || status === 200),
    onLost: () => onDone(caller, false),
  });
  const caller: Caller = {
    opened: connection.opened,
    next() {
      if (hasKeys) request.write(String(sent++).padStart(counterDigits, '0'), counterAt, 'latin1');
      connection.send(request);
    },
    close: connection.close,
  };
  return caller;
}
