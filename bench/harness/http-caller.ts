// A caller that posts one body again and again.
import type { Caller, OnDone } from './caller.ts';
import { encodeRequest, openHttpConnection } from './http-connection.ts';
import type { HttpLoad } from './load.ts';

export function createHttpCaller({ port, path, body }: HttpLoad, onDone: OnDone): Caller {
  const request = encodeRequest('POST', path, body);
  const connection = openHttpConnection(port, {
    // Zizq says 201, bunqueue 200; 206 is a batch of which a part was not stored.
    onAnswer: (status) => onDone(caller, status === 202 || status === 201 || status === 200),
    onLost: () => onDone(caller, false),
  });
  const caller: Caller = {
    opened: connection.opened,
    next: () => connection.send(request),
    close: connection.close,
  };
  return caller;
}
