// Which bodies hold memory that is counted, and who goes when it runs out.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { fastify, type FastifyInstance } from 'fastify';
import { createBodyBudget } from '../../../src/http/plugins/body-budget.ts';
import { createConnections } from '../../../src/http/server/connections.ts';
import { connectRaw } from '../../helpers/app.ts';
import { createStallingClock } from '../../helpers/fake-clock.ts';

/** Room for three decoders. */
async function open(t: TestContext) {
  const clock = createStallingClock();
  const app: FastifyInstance = fastify({ forceCloseConnections: true });
  t.after(() => app.close());
  const evicted: Socket[] = [];
  const places = {
    evict: (socket: Socket) => {
      evicted.push(socket);
      socket.destroy();
      return true;
    },
  };
  createBodyBudget({ clock, connections: createConnections(clock), places, budgetBytes: 3 * 65_536 }).watch(app);
  app.post('/jobs/add', (_request, reply) => reply.code(202).send());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const begin = async (header: string): Promise<void> => {
    const read = once(app.server, 'request');
    const head = 'POST /jobs/add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    await connectRaw(t, app, `${head}${header}\r\n\r\n`);
    await read;
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begin, evicted };
}

const compressed = 'Content-Encoding: gzip\r\nContent-Length: 100';

describe('the budget of bodies', () => {
  it('counts the decoder of every compressed body, single jobs included', async (t) => {
    const { begin, evicted } = await open(t);
    for (let count = 0; count < 3; count++) await begin(compressed);
    assert.equal(evicted.length, 0);
    await begin(compressed);
    assert.ok(evicted.length > 0);
  });

  it('leaves small plain bodies to the limit of connections', async (t) => {
    const { begin, evicted } = await open(t);
    for (let count = 0; count < 50; count++) await begin('Content-Length: 16384');
    assert.equal(evicted.length, 0);
  });
});
