// Who may use the broker and read its data: nobody but the user that runs the program, unless the operator says so.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { brokerFolder, startBroker } from '../helpers/broker.ts';
import { post, startService, type Service } from '../helpers/service.ts';
import type { AuditEntry } from '../../src/broker/protocol/audit.ts';
import { connectFwp, makeJob } from './fwp-client.ts';

/** Of its broker. An all-in-one is waited for: the rest of its start may keep it from reading a HELLO within its 2 s. */
async function portOf(service: Service, isAllInOne = false): Promise<number> {
  if (isAllInOne) await service.readyUrl();
  const { broker } = await service.line(({ broker }) => broker !== undefined);
  return Number(String(broker).split(':').at(-1));
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** A stranger who knows no password. */
const knock = async (t: TestContext, port: number) => {
  const client = await connectFwp(t, { port, hello: 'HELLO {"v":2}' });
  return client.next();
};

/** How often the password is hashed, from the greeting. */
async function roundsOf(port: number): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  const [greeting] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return Number(/"i":(\d+)/.exec(String(greeting))?.[1]);
}

describe('the port of the all-in-one', () => {
  it('wants a password that only the process knows, its jobs run, and its files are for their owner only, old ones too', async (t) => {
    const dataDir = join(brokerFolder(), 'data');
    for (const folder of ['broker', 'results']) {
      mkdirSync(join(dataDir, folder), { recursive: true });
      chmodSync(join(dataDir, folder), 0o755);
      writeFileSync(join(dataDir, folder, 'LOG'), '');
      chmodSync(join(dataDir, folder, 'LOG'), 0o644);
    }
    const service = startService(t, { DATA_DIR: dataDir });
    assert.equal(await knock(t, await portOf(service)), '-ERR Invalid password');
    assert.equal(await roundsOf(await portOf(service)), 1, 'many rounds for a password that nobody guesses');
    const { body } = await post(`${await service.readyUrl()}/jobs/add`, { a: 1, b: 2 });
    await service.line(({ jid }) => jid === body['job_id']);
    for (const folder of ['broker', 'results'].map((name) => join(dataDir, name))) {
      assert.equal(modeOf(folder), '700', folder);
      const files = readdirSync(folder);
      assert.ok(files.length > 3, files.join());
      for (const file of files) assert.equal(modeOf(join(folder, file)), '600', join(folder, file));
    }
  });

  it('is as the operator says where FAKTORY_BIND is set; the log names who paused a queue', async (t) => {
    const open = startService(t, { FAKTORY_BIND: '127.0.0.1:0' });
    const client = await connectFwp(t, { port: await portOf(open, true) });
    assert.equal(await client.ask('QUEUE PAUSE default'), '+OK');
    const line = await open.line(({ command }) => command === 'QUEUE PAUSE');
    assert.deepEqual(line['queues'], ['default']);
    assert.equal((line['client'] as { hostname: string }).hostname, 'test');
  });

  it('is as the operator says where FAKTORY_PASSWORD is set', async (t) => {
    const chosen = startService(t, { FAKTORY_PASSWORD: 'chosen' });
    const client = await connectFwp(t, { port: await portOf(chosen, true), password: 'chosen' });
    assert.equal(await client.ask('PUSHB []'), '{}');
    assert.ok((await roundsOf(await portOf(chosen, true))) >= 4000);
  });
});

describe('a bind that other machines reach', () => {
  for (const role of [undefined, 'broker']) {
    it(`does not start without a password: ${role ?? 'all in one'}`, async (t) => {
      const service = startService(t, { FAKTORY_BIND: '0.0.0.0:0' }, role);
      await service.line(({ msg }) => /FAKTORY_BIND 0\.0\.0\.0:0 .* set FAKTORY_PASSWORD/.test(msg ?? ''));
      assert.equal(await service.exited, 1);
      assert.deepEqual(readdirSync(service.dataDir), []);
    });
  }

  it('starts with a password', async (t) => {
    const service = startService(t, { FAKTORY_BIND: '0.0.0.0:0', FAKTORY_PASSWORD: 'secret' }, 'broker');
    assert.equal(await knock(t, await portOf(service)), '-ERR Invalid password');
  });
});

it('a data folder that is made is for its owner only', async (t) => {
  const dataDir = join(brokerFolder(), 'made', 'data');
  await startBroker(t, { dataDir });
  assert.deepEqual([modeOf(dataDir), modeOf(join(dataDir, '..'))], ['700', '700']);
});

it('commands that stop or destroy the work of others are told with their client, once they are stored', async (t) => {
  const entries: AuditEntry[] = [];
  const { port } = await startBroker(t, { dataDir: brokerFolder(), onAudit: (entry) => entries.push(entry) });
  const client = await connectFwp(t, { port, wid: 'w-1' });
  await client.ask(`PUSH ${JSON.stringify(makeJob())}`);
  for (const command of ['QUEUE PAUSE default', 'QUEUE RESUME *', 'QUEUE REMOVE default', 'FLUSH', 'QUEUE LATENCY x']) {
    await client.ask(command);
  }
  assert.deepEqual(
    entries.map(({ command, details, outcome }) => ({ command, ...details, outcome })),
    [
      { command: 'QUEUE PAUSE', queues: ['default'], outcome: 'stored' },
      { command: 'QUEUE RESUME', queues: ['default'], outcome: 'stored' },
      { command: 'QUEUE REMOVE', queues: ['default'], outcome: 'stored' },
      { command: 'FLUSH', outcome: 'stored' },
    ],
  );
  for (const { client: name } of entries) {
    assert.match(name.address, /^127\.0\.0\.1:\d+$/);
    assert.deepEqual([name.wid, name.hostname, name.pid], ['w-1', 'test', 1]);
  }
});
