// Where callers come in: on one address. For a name that has several, `localhost` for one, the framework makes more
// servers, and those have none of our guards.
import { lookup } from 'node:dns/promises';
import type { FastifyInstance } from 'fastify';
import { listenBacklog } from './limits.ts';

/** Resolves with the URL. */
export async function listen(app: FastifyInstance, { host, port }: { host: string; port: number }): Promise<string> {
  const { address } = await lookup(host, { order: 'ipv4first' });
  return app.listen({ host: address, port, backlog: listenBacklog });
}
