// FETCHes after the broker has replied to one with an error.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { systemClock } from '../../../src/domain/clock.ts';
import type { FaktoryClient } from '../../../src/faktory/client.ts';
import type { Connection } from '../../../src/faktory/connection.ts';
import type { ReplyHandler } from '../../../src/faktory/connection-options.ts';
import { createFaktorySource } from '../../../src/faktory/source/faktory-source.ts';
import { createFetchSilence } from '../../../src/faktory/source/fetch-silence.ts';
import { createFetcher } from '../../../src/faktory/source/fetcher.ts';
import { connectFwp, makeJob } from '../../broker/fwp-client.ts';
import { createFakeClock } from '../../helpers/fake-clock.ts';
import { startFaktory } from '../../helpers/real-faktory.ts';
import { faktoryPath } from '../../helpers/real-parts.ts';

const settled = (): Promise<void> => new Promise(setImmediate);
const ignore = (): void => undefined;

function startFetcher(probe: () => Promise<unknown>) {
  const clock = createFakeClock();
  const sent: ReplyHandler[] = [];
  const connection: Pick<Connection, 'handshakeMs' | 'isLive' | 'exchange' | 'closed'> = {
    handshakeMs: 0,
    isLive: true,
    exchange: (_line, handler) => void sent.push(handler),
    closed: new Promise(ignore),
  };
  const fetcher = createFetcher({
    client: { live: [connection, { ...connection }] } as unknown as FaktoryClient,
    clock,
    silence: createFetchSilence({ clock, beatRepliedMs: () => 0 }),
    fetchLine: () => 'FETCH default',
    pollIntervalMs: 0,
    endsFetches: () => false,
    onJob: ignore,
    onChange: () => fetcher.pump(2),
    log: { info: ignore, warn: ignore },
    probe,
  });
  fetcher.start();
  fetcher.adopt();
  fetcher.pump(2);
  return { clock, sent, fetcher };
}

describe('after an error in reply to a FETCH', () => {
  it('no FETCH leaves on any connection until a probe succeeds', async () => {
    let isFull = true;
    let probes = 0;
    const { clock, sent } = startFetcher(() => {
      probes++;
      return isFull ? Promise.reject(new Error('OOM')) : Promise.resolve();
    });
    assert.equal(sent.length, 2, 'one on each connection');
    sent[0]?.onReply({ type: 'error', text: 'ERR cannot add element in the working set: OOM' });
    sent[1]?.onReply({ type: 'bulk', text: '{}' });
    for (let second = 1; second <= 5; second++) {
      clock.advance(1000);
      await settled();
      assert.deepEqual([sent.length, probes], [2, second]);
    }
    isFull = false;
    clock.advance(1000);
    await settled();
    assert.ok(sent.length > 2);
  });

  it('nothing is asked any more once the worker stops', async () => {
    let probes = 0;
    const { clock, sent, fetcher } = startFetcher(() => Promise.reject(new Error(`probe ${++probes}`)));
    sent[0]?.onReply({ type: 'error', text: 'ERR' });
    fetcher.stop();
    for (let second = 0; second < 3; second++) {
      clock.advance(1000);
      await settled();
    }
    assert.ok(probes <= 1);
    assert.equal(sent.length, 2);
  });
});

it('of a full Faktory the worker takes no further job', { skip: faktoryPath() === undefined }, async (t) => {
  const faktory = await startFaktory(t);
  const client = await connectFwp(t, { port: faktory.port });
  const redis = new Redis(join(faktory.dir, 'redis.sock'));
  t.after(() => redis.disconnect());
  const jobs = Array.from({ length: 20 }, () => makeJob());
  assert.equal(await client.ask(`PUSHB ${JSON.stringify(jobs)}`), '{}');
  await redis.config('SET', 'maxmemory', '1mb');
  let probed: () => void = ignore;
  let probes = 0;
  const source = createFaktorySource({
    address: { host: '127.0.0.1', port: faktory.port, tls: false, password: undefined },
    ...{ clock: systemClock, random: Math.random, wid: 'w', concurrency: 1, connectionsMax: 1 },
    ...{ connectTimeoutMs: 2000, readTimeoutMs: 10_000, writeTimeoutMs: 2000, keepAliveDelayMs: 60_000 },
    ...{ pollIntervalMs: 0, heartbeatIntervalMs: 60_000, queues: () => ['default'] },
    log: { info: ignore, warn: ignore },
    ...{ onJob: ignore, onTold: ignore, onOver: ignore, onState: ignore },
    onChange: () => source.fetch(1 - source.fetching),
  });
  t.after(() => source.close());
  await source.clients.beat.warm;
  const info = source.clients.beat.info.bind(source.clients.beat);
  source.clients.beat.info = () => info().finally(() => ++probes >= 4 && probed());
  const isProbed = new Promise<void>((resolve) => (probed = resolve));
  source.start();
  source.fetch(1);
  await isProbed;
  await redis.config('SET', 'maxmemory', '0');
  assert.equal(await redis.llen('default'), 19, 'only the job of the first FETCH is gone');
});
