// A client that pipelines costly commands: bounded in memory, and others are served meanwhile.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startBroker } from '../helpers/broker.ts';
import { connectFwp, makeJob, type FwpClient } from './fwp-client.ts';

const commandsOf = async (client: FwpClient): Promise<number> =>
  ((await client.askJson('INFO')) as { server: { command_count: number } }).server.command_count;

it('replies that wait for the disk are limited in bytes: the commands after them wait', async (t) => {
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  t.after(() => release());
  const { port } = await startBroker(t, {
    limits: { outputBytesMax: 10_000 },
    wrapStore: (store) => ({ ...store, write: (...given) => held.then(() => store.write(...given)) }),
  });
  const greedy = await connectFwp(t, { port });
  const other = await connectFwp(t, { port });
  greedy.socket.write(`PUSH ${JSON.stringify(makeJob())}\r\n${'INFO\r\n'.repeat(500)}`);
  let last = -1;
  let now = await commandsOf(other);
  for (; now > last + 1; now = await commandsOf(other)) last = now;
  assert.ok(now > 2 && now < 200, `${now} commands were read`);
  release();
  assert.equal(await greedy.next(), '+OK');
  for (let index = 0; index < 500; index++) assert.match(String(await greedy.next()), /^\{/);
});

it('a long pipeline of one client is cut into turns: another client gets its reply in between', async (t) => {
  const { port } = await startBroker(t, { limits: { outputBytesMax: 1e9 } });
  const greedy = await connectFwp(t, { port });
  const other = await connectFwp(t, { port });
  const names = Array.from({ length: 500 }, (_, index) => `queue-${index}`);
  assert.equal(await greedy.ask(`QUEUE PAUSE ${names.join(' ')}`), '+OK');
  const count = 2000;
  greedy.socket.write('INFO\r\n'.repeat(count));
  const seen = await commandsOf(other);
  assert.ok(seen < count, `${seen} commands were read first`);
  for (let index = 0; index < count; index++) await greedy.next();
});

it('a client that ends its side after a long pipeline gets all replies', async (t) => {
  const { port } = await startBroker(t);
  const client = await connectFwp(t, { port });
  const count = 5000;
  client.socket.end('INFO\r\n'.repeat(count));
  for (let index = 0; index < count; index++) await client.next();
  await client.closed;
});

it('a client that ends its side while a FETCH waits gets nil for it, and the replies behind', async (t) => {
  const { port } = await startBroker(t);
  const client = await connectFwp(t, { port });
  client.socket.end('PUSHB []\r\nFETCH nothing\r\nPUSHB []\r\n');
  assert.deepEqual([await client.next(), await client.next(), await client.next()], ['{}', null, '{}']);
  await client.closed;
});

it('an error repeats no control characters of a client', async (t) => {
  const { port } = await startBroker(t);
  const client = await connectFwp(t, { port });
  assert.equal(await client.ask('\x1b[2J\x07verb'), '-ERR unknown command  [2J verb');
});
