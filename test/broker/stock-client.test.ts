// The client and the worker of npm, as published, against the embedded broker.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';
import { Client, Worker } from 'faktory-worker';
import { startBroker } from '../helpers/broker.ts';

for (const password of [undefined, 'secret']) {
  const options = password === undefined ? {} : { password };

  it(`the stock client pushes, fetches and reports${password ? ', with a password' : ''}`, async (t) => {
    const { port, host } = await startBroker(t, options);
    const client = new Client({ port, host, ...options, labels: [] });
    await client.connect();
    const jid = await client.job('test', 1, 'é').push();
    assert.deepEqual(await client.pushBulk([client.job('test', 2), client.job('test', 3)]), {});
    const bad = client.job('test', 4);
    bad.jid = 'short';
    assert.equal(Object.keys(await client.pushBulk([bad])).length, 1);
    const job = await client.fetch('default');
    assert.deepEqual([job?.jid, job?.args], [jid, [1, 'é']]);
    assert.equal(await client.ack(jid), 'OK');
    const second = await client.fetch('default');
    assert.ok(second);
    assert.equal(await client.fail(second.jid, new Error('no')), 'OK');
    const info = await client.info();
    assert.equal((info as unknown as { server: { faktory_version: string } }).server.faktory_version, '1.9.4');
    assert.equal(await client.flush(), 'OK');
    await client.close();
  });
}

it('the stock worker runs jobs and reports them', async (t) => {
  const { port, host } = await startBroker(t);
  const worker = new Worker({ port, host, concurrency: 4, queues: ['critical', 'default'], beatInterval: 0.1 });
  const seen: number[] = [];
  let finish = () => {};
  const all = new Promise<void>((resolve) => (finish = resolve));
  worker.register('test', async (value) => {
    if (seen.push(Number(value)) === 20) finish();
    if (value === 7) throw new Error('no seven');
  });
  worker.on('fail', () => {});
  await worker.work();
  const client = new Client({ port, host });
  const failed = once(worker, 'fail');
  await client.pushBulk(Array.from({ length: 20 }, (_, index) => client.job('test', index)));
  await all;
  await failed;
  assert.deepEqual(
    seen.sort((one, other) => one - other),
    Array.from({ length: 20 }, (_, index) => index),
  );
  let info: Awaited<ReturnType<typeof client.info>>;
  do info = await client.info();
  while ((info.faktory as unknown as { sets: { working: number } }).sets.working > 0);
  const { total_processed, total_failures } = info.faktory as unknown as Record<string, number>;
  assert.deepEqual([total_processed, total_failures], [20, 1]);
  await client.close();
  await worker.stop();
});
