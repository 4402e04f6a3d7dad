// The broker in a thread of its own.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startBrokerThread } from '../../src/broker/broker-thread.ts';
import { brokerFolder } from '../helpers/broker.ts';
import { connectFwp, makeJob } from './fwp-client.ts';

it('serves, closes, and finds its jobs again', async (t) => {
  const dataDir = brokerFolder(t);
  const first = await startBrokerThread({ dataDir });
  let exits = 0;
  first.onExit(() => exits++);
  assert.deepEqual([first.host, first.durability, first.recovered.queued], ['127.0.0.1', 'fsync', 0]);
  const client = await connectFwp(t, { port: first.port });
  assert.equal(await client.ask(`PUSH ${JSON.stringify(makeJob())}`), '+OK');
  await Promise.all([first.close(), first.close()]);
  await client.closed;
  assert.equal(exits, 0, 'an end that was asked for is no exit');
  const second = await startBrokerThread({ dataDir });
  t.after(() => second.close());
  assert.equal(second.recovered.queued, 1);
});

it('keeps jobs in memory without a folder, and takes a password and limits', async (t) => {
  const thread = await startBrokerThread({ password: 'secret', limits: { bulkJobsMax: 1 } });
  t.after(() => thread.close());
  assert.equal(thread.durability, 'memory');
  const client = await connectFwp(t, { port: thread.port, password: 'secret' });
  assert.match(String(await client.ask(`PUSHB ${JSON.stringify([makeJob(), makeJob()])}`)), /^-ERR not stored/);
});

it('rejects with the reason when the folder is in use, or the port', async (t) => {
  const dataDir = brokerFolder(t);
  const thread = await startBrokerThread({ dataDir });
  t.after(() => thread.close());
  await assert.rejects(startBrokerThread({ dataDir }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'locked');
    return error.message.includes(dataDir) && /in use/.test(error.message);
  });
  await assert.rejects(startBrokerThread({ port: thread.port }), /EADDRINUSE/);
});
