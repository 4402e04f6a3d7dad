// A path to a broker that counts the bytes of each direction.
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Scope } from './scope.ts';

export interface CountingPath {
  port: number;
  toBroker: number;
  fromBroker: number;
}

export async function startCountingPath(scope: Scope, targetPort: number): Promise<CountingPath> {
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: targetPort });
    near.on('data', (chunk) => (path.toBroker += chunk.length));
    far.on('data', (chunk) => (path.fromBroker += chunk.length));
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  scope.use(server.listen(0, '127.0.0.1'), (listening) => listening.close());
  await once(server, 'listening');
  const path: CountingPath = { port: (server.address() as AddressInfo).port, toBroker: 0, fromBroker: 0 };
  return path;
}
