// Makes the server listen on one address. For a name with several addresses, such as `localhost`, the framework would make more
// servers, which lack our guards.
import { lookup } from 'node:dns/promises';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { bracketed } from '../plugins/hosts.ts';
import { listenBacklog } from '../limits.ts';

/** The address at which a name is listened on. */
export const resolveHost = async (host: string): Promise<string> =>
  (await lookup(host, { order: 'ipv4first' })).address;

/** Resolves with the URL at which it listens. */
export async function listen(app: FastifyInstance, { host, port }: { host: string; port: number }): Promise<string> {
  await app.listen({ host, port, backlog: listenBacklog });
  const address = app.server.address() as AddressInfo;
  return `http://${bracketed(address.address)}:${address.port}`;
}
