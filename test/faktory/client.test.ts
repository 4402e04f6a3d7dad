import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { systemClock } from '../../src/domain/clock.ts';
import { FaktoryClient, type FaktoryClientOptions } from '../../src/faktory/client.ts';
import { createChanges } from '../helpers/changes.ts';
import { bulk, ok, startScriptedBroker, type ScriptedBrokerOptions } from '../helpers/scripted-broker.ts';
import { execChild } from '../helpers/children.ts';
import { nodeArgs, programUrlOf } from '../helpers/paths.ts';

const password = 'a-secret-of-123';

async function setUp(
  t: TestContext,
  brokerOptions: ScriptedBrokerOptions = {},
  overrides: Partial<FaktoryClientOptions> = {},
) {
  const broker = await startScriptedBroker(brokerOptions);
  t.after(() => broker.close());
  const changes = createChanges();
  const client = new FaktoryClient({
    address: { host: '127.0.0.1', port: broker.port, tls: false, password: undefined },
    size: 3,
    clock: systemClock,
    random: Math.random,
    connectTimeoutMs: 2000,
    readTimeoutMs: 2000,
    writeTimeoutMs: 2000,
    keepAliveDelayMs: 60_000,
    onChange: changes.fire,
    ...overrides,
  });
  t.after(() => client.close());
  return { broker, client, changed: changes.until };
}

describe('FaktoryClient', () => {
  it('opens all its connections before the first command', async (t) => {
    const { broker, client } = await setUp(t);
    await client.warm;
    assert.equal(broker.peers.length, 3);
    assert.equal(client.live.length, 3);
    assert.deepEqual(client.states, { connecting: 0, doubted: 0, idle: 3, busy: 0 });
    assert.equal(client.downReason, undefined);
  });

  it('spreads commands over its connections', async (t) => {
    const { broker, client } = await setUp(t, { script: { reply: () => undefined } });
    await client.warm;
    const sent = [1, 2, 3].map(() => client.send(['INFO']).catch(() => undefined));
    await broker.until(() => broker.lines.length === 3);
    assert.deepEqual(
      broker.peers.map(({ lines }) => lines.length),
      [2, 2, 2],
    );
    assert.deepEqual(client.states, { connecting: 0, doubted: 0, idle: 0, busy: 3 });
    await client.close();
    await Promise.all(sent);
  });

  it('comes back by itself when the broker was killed, twice in a row', async (t) => {
    const { broker, client, changed } = await setUp(t);
    await client.warm;
    for (let round = 0; round < 2; round++) {
      await broker.kill();
      await changed(() => client.downReason !== undefined);
      await assert.rejects(client.send(['INFO']), /no live connection/);
      await broker.restart();
      await changed(() => client.live.length === 3);
      assert.equal(client.downReason, undefined);
      assert.match(await client.send(['INFO']), /1\.9\.4/);
    }
  });

  it('rejects at once while the broker is away, with the reason as cause', async (t) => {
    const { broker, client, changed } = await setUp(t);
    await broker.kill();
    await changed(() => client.downReason !== undefined);
    for (const attempt of [() => client.send(['INFO']), () => client.sendWithAssert(['ACK', '{}'], 'OK')]) {
      let isSettled = false;
      const sent = attempt();
      sent.catch(() => undefined).finally(() => (isSettled = true));
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(isSettled, 'it waited');
      await assert.rejects(sent, (error) => error instanceof Error && /ECONN|closed/.test(String(error.cause)));
    }
  });

  it('hashes the password as the broker asks', async (t) => {
    const address = { host: '127.0.0.1', tls: false, password };
    const script = { greeting: '+HI {"v":2,"i":1545,"s":"55104dc76695721d"}\r\n' };
    const broker = await startScriptedBroker({ script });
    t.after(() => broker.close());
    const { client } = await setUp(t, {}, { address: { ...address, port: broker.port } });
    await client.warm;
    let hash = createHash('sha256').update(`${password}55104dc76695721d`).digest();
    for (let round = 1; round < 1545; round++) hash = createHash('sha256').update(hash).digest();
    const hello = JSON.parse(broker.peers[0]?.lines[0]?.slice('HELLO '.length) ?? '{}') as {
      pwdhash: string;
      v: number;
    };
    assert.equal(hello.pwdhash, hash.toString('hex'));
    assert.equal(hello.v, 2);
  });

  it('shows that the password is wrong, and never the password', async (t) => {
    const broker = await startScriptedBroker({
      script: {
        greeting: '+HI {"v":2,"i":4000,"s":"55104dc76695721d"}\r\n',
        hello: (peer) => {
          peer.write('-ERR Invalid password\r\n');
          peer.end();
        },
      },
    });
    t.after(() => broker.close());
    const { client, changed } = await setUp(
      t,
      {},
      {
        address: { host: '127.0.0.1', port: broker.port, tls: false, password },
      },
    );
    await changed(() => client.downReason !== undefined);
    assert.match(client.downReason?.message ?? '', /Invalid password/);
    const error: unknown = await client.send(['INFO']).catch((reason: unknown) => reason);
    assert.match(inspect(error), /Invalid password/);
    assert.ok(!inspect(error, { depth: 10 }).includes(password));
    assert.ok(!broker.peers.some(({ lines }) => lines.some((line) => line.includes(password))));
  });

  for (const [what, script] of [
    ['protocol version 3', { greeting: '+HI {"v":3}\r\n' }],
    ['garbage', { greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n' }],
    ['its connection limit', { hello: '+OK\r\n-ERR too many connections: 2001\r\n' }],
    [
      'a hang-up after HELLO',
      { hello: (peer: { write(text: string): void; end(): void }) => (peer.write(ok), peer.end()) },
    ],
  ] as const) {
    it(`neither spins nor leaks at a broker that greets with ${what}`, async (t) => {
      const waits: number[] = [];
      const clock = {
        ...systemClock,
        after: (delayMs: number, fn: () => void) => {
          if (delayMs <= 500) waits.push(delayMs);
          return systemClock.after(delayMs, fn);
        },
      };
      const { broker, client } = await setUp(t, { script }, { clock, random: () => 0.99, size: 1 });
      await broker.until(() => broker.peers.length === 4);
      assert.ok(waits.length >= 3, 'attempts without pauses');
      await client.close();
      await broker.until(() => broker.openCount === 0);
    });
  }

  it('reads large jobs as a worker, and as a producer no reply that could fill its memory', async (t) => {
    const job = JSON.stringify({ jid: 'x'.repeat(2_000_000) });
    const script = { reply: () => bulk(job) };
    const worker = await setUp(t, { script }, { wid: 'worker-1' });
    await worker.client.warm;
    assert.equal(await worker.client.send(['FETCH', 'default']), job);
    const producer = await setUp(t, { script });
    await producer.client.warm;
    await assert.rejects(producer.client.send(['INFO']), /a bulk of over/);
  });

  it('marks the connections of a worker', async (t) => {
    const { broker, client } = await setUp(t, {}, { wid: 'worker-1', labels: ['blue'] });
    await client.warm;
    const hello = JSON.parse(broker.peers[0]?.lines[0]?.slice('HELLO '.length) ?? '{}') as Record<string, unknown>;
    assert.equal(hello['wid'], 'worker-1');
    assert.deepEqual(hello['labels'], ['blue']);
    assert.equal(hello['pid'], process.pid);
  });

  it('says END on every connection when it closes, and opens no other', async (t) => {
    const { broker, client } = await setUp(t);
    await client.warm;
    await client.close();
    assert.deepEqual(broker.lines, ['END', 'END', 'END']);
    await broker.until(() => broker.openCount === 0);
    assert.equal(broker.peers.length, 3);
    await assert.rejects(client.send(['INFO']), /no live connection/);
  });

  it('closes while the broker is silent, greets, or is away', async (t) => {
    for (const script of [{ greeting: null }, { hello: null }]) {
      const { broker, client } = await setUp(t, { script });
      await broker.until(() => broker.peers.length === 1);
      await client.close();
      await broker.until(() => broker.openCount === 0);
    }
    const { broker, client, changed } = await setUp(t);
    await broker.kill();
    await changed(() => client.downReason !== undefined);
    await client.close();
    await client.close();
  });

  it('takes nothing from the environment that was meant for the library', async (t) => {
    // The library reads these once, as it is imported: in a process of its own, then.
    const program = `
      const { FaktoryClient } = await import(${JSON.stringify(programUrlOf('src/faktory/client.ts'))});
      const client = new FaktoryClient({
        address: { host: '127.0.0.1', port: 1, tls: false, password: undefined },
        size: 0, clock: { now: () => 0 }, random: Math.random,
      });
      console.log(JSON.stringify([client.password]));`;
    const { stdout } = await execChild(process.execPath, [...nodeArgs, '--input-type=module', '-e', program], {
      env: { ...process.env, FAKTORY_PROVIDER: 'OTHER_URL', OTHER_URL: `tcp://:${password}@10.0.0.1:7419` },
      signal: t.signal,
    });
    assert.deepEqual(JSON.parse(stdout), ['']);
  });
});
