// `work-factory doctor`: what it finds with a service, a Faktory and a Redis that are there, away, or set up wrongly.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { contradictions } from '../../src/cli/doctor/contradictions.ts';
import { loadConfig } from '../../src/config/load.ts';
import { connectFwp } from '../broker/fwp-client.ts';
import { startBroker } from '../helpers/broker.ts';
import { redisServerPath } from '../helpers/real-parts.ts';
import { startRedis } from '../helpers/redis.ts';
import { startService } from '../helpers/service.ts';
import { cli } from './cli.ts';
import { goneUrl } from './scripted-server.ts';

const nowhere = 'http://127.0.0.1:1'; // a port to which fetch does not connect

describe('settings that contradict each other', () => {
  const said = (env: Record<string, string>): string => contradictions(loadConfig(env)).join('\n');

  it('are none by default', () => {
    assert.equal(said({}), '');
  });

  for (const [env, text] of [
    [{ FAKTORY_URL: 'tcp://h' }, /no results are kept[^]*no keys are kept[^]*FAKTORY_DURABILITY is not/],
    [{ FAKTORY_DURABILITY: 'fsync' }, /^FAKTORY_DURABILITY has no effect/],
    [{ KEYS_URL: 'redis://h' }, /^KEYS_URL has no effect/],
    [{ BIND_ADDR: '0.0.0.0:3000' }, /^BIND_ADDR is beyond loopback and API_KEYS is not set/],
    [{ ALLOWED_HOSTS: 'a.example', API_KEYS: 'x'.repeat(20) }, /^ALLOWED_HOSTS has no effect/],
    [{ BIND_ADDR: '127.0.0.1:7419', FAKTORY_BIND: '127.0.0.1:7419' }, /^BIND_ADDR and FAKTORY_BIND have the same port/],
    [{ WORKER_CONCURRENCY: '700' }, /^WORKER_CONCURRENCY is never reached/],
    [{ RESULT_TTL_SECONDS: '5' }, /^RESULT_TTL_SECONDS is below a minute/],
  ] as const)
    it(Object.keys(env).join(' and '), () => {
      assert.match(said(env), text);
      assert.ok(!said(env).includes('xxxx'));
    });

  it('not when a deployment is complete', () => {
    const env = { FAKTORY_URL: 'tcp://h', RESULTS_URL: 'redis://h', FAKTORY_DURABILITY: 'fsync' };
    assert.equal(said(env), '');
  });
});

describe('work-factory doctor', () => {
  it('finds nothing wrong with a service as a newcomer starts it', async (t) => {
    const url = await startService(t).readyUrl();
    const { code, out, err } = await cli(['doctor', '--url', url]);
    assert.equal(err, '');
    assert.match(out, /^ok {7}settings {2}are accepted, and none contradicts another$/m);
    assert.match(out, new RegExp(`^ok {7}api {7}${url} answers: version \\d`, 'm'));
    assert.match(out, /^ok {7}broker {4}the API reaches it; a stored job survives: fsync$/m);
    assert.match(out, /^ok {7}results {3}the API keeps them$/m);
    assert.match(out, /^ok {7}keys {6}the API keeps them; they survive: fsync$/m);
    assert.ok(!/^problem/m.test(out));
    assert.equal(code, 0);
  });

  it('asks where BIND_ADDR says, unless it is told where', async () => {
    const [own, told] = [await goneUrl(), await goneUrl()];
    const env = { BIND_ADDR: own.replace('http://', '') };
    const { code, out } = await cli(['doctor'], { env });
    assert.match(
      out,
      new RegExp(`^warning {2}settings {2}the other commands ask .*: set WORK_FACTORY_URL=${own}$`, 'm'),
    );
    assert.match(out, new RegExp(`^problem {2}api {7}${own}: Could not connect`, 'm'));
    assert.equal(code, 4);
    const elsewhere = await cli(['doctor'], { env: { ...env, WORK_FACTORY_URL: told } });
    assert.match(elsewhere.out, new RegExp(`^problem {2}api {7}${told}: Could not connect`, 'm'));
    assert.ok(!elsewhere.out.includes(own));
  });

  it('says what would stop the start, all at once, and no secret', async () => {
    const env = { API_KEYS: 'secret-but-short', BATCH_MAX_JOBS: '5000', LOG_LEVEL: 'loud', API_KEY: 'secret' };
    const { code, out } = await cli(['doctor', '--url', nowhere, '--json'], {
      env: { ...env, API_KEYS: 'short-secret' },
    });
    assert.equal(code, 4);
    const findings = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const texts = findings.filter(({ about }) => about === 'settings').map(({ text }) => text as string);
    assert.equal(texts.length, 3);
    assert.match(texts.join('\n'), /API_KEYS: got \(hidden\)[^]*LOG_LEVEL[^]*BATCH_MAX_JOBS, BATCH_BODY_BYTES_MAX/);
    assert.ok(!out.includes('secret'));
  });

  it('says which names have no effect', async () => {
    const { out } = await cli(['doctor', '--url', nowhere], { env: { API_KEY: 'secret', RUST_LOG: 'debug' } });
    assert.match(out, /^warning {2}settings {2}API_KEY has no effect: is API_KEYS meant\?$/m);
    assert.match(out, /^warning {2}settings {2}RUST_LOG has no effect: use LOG_LEVEL$/m);
  });

  it('says that the key is not taken', async (t) => {
    const url = await startService(t, { API_KEYS: 'a-key-of-16-bytes' }).readyUrl();
    const { code, out } = await cli(['doctor', '--url', url]);
    assert.match(out, /^problem {2}api {7}it wants another API key/m);
    assert.equal(code, 1);
    const right = await cli(['doctor', '--url', url], { env: { WORK_FACTORY_API_KEY: 'a-key-of-16-bytes' } });
    assert.equal(right.code, 0);
  });

  it('asks the broker of FAKTORY_URL itself, and shows no password', async (t) => {
    const { port } = await startBroker(t, { password: 'open-sesame', hashRounds: 1 });
    const env = { FAKTORY_URL: `tcp://:open-sesame@127.0.0.1:${port}` };
    const { out } = await cli(['doctor', '--url', nowhere], { env });
    assert.match(out, new RegExp(`^ok {7}broker {4}127\\.0\\.0\\.1:${port} answers: .*, 0 jobs queued, 0 dead$`, 'm'));
    const wrong = await cli(['doctor', '--url', nowhere], {
      env: { ...env, FAKTORY_URL: `tcp://:wrong-word@127.0.0.1:${port}` },
    });
    assert.match(wrong.out, /^problem {2}broker {4}127\.0\.0\.1:/m);
    const away = await cli(['doctor', '--url', nowhere], {
      env: { ...env, FAKTORY_URL: 'tcp://:wrong-word@127.0.0.1:1' },
    });
    assert.match(away.out, /^problem {2}broker {4}127\.0\.0\.1:1: .*ECONNREFUSED/m);
    for (const text of [out, wrong.out, away.out]) assert.ok(!/open-sesame|wrong-word/.test(text));
  });

  it('gives up a service and a broker that take connections and never answer', async (t) => {
    const silent = createServer();
    t.after(() => silent.close());
    silent.on('connection', (socket) => void t.after(() => socket.destroy()));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const place = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const { code, out } = await cli(['doctor', '--url', `http://${place}`], {
      env: { FAKTORY_URL: `tcp://${place}` },
    });
    assert.match(out, new RegExp(`^problem {2}api {7}http://${place}: No response within 5000 ms$`, 'm'));
    assert.match(out, new RegExp(`^problem {2}broker {4}${place}: `, 'm'));
    assert.equal(code, 4);
  });

  it('says that jobs wait and none ends', async (t) => {
    const broker = await startBroker(t);
    const client = await connectFwp(t, { port: broker.port });
    await client.ask('PUSH {"jid":"waits-0001","jobtype":"x","args":[]}');
    const { out } = await cli(['doctor', '--url', nowhere], { env: { FAKTORY_URL: `tcp://127.0.0.1:${broker.port}` } });
    assert.match(out, /^warning {2}broker {4}1 jobs are queued, and none has ended within 3 s/m);
  });

  it('says what the API says of its broker', async (t) => {
    const service = startService(t, { FAKTORY_URL: 'tcp://:hidden-word@127.0.0.1:1' }, 'api');
    const { code, out } = await cli(['doctor', '--url', await service.url()]);
    assert.match(out, /^problem {2}broker {4}the API says: broker /m);
    assert.match(out, /^warning {2}keys {6}the API keeps none/m);
    assert.match(out, /^warning {2}results {3}the API keeps none/m);
    assert.equal(code, 1);
  });
});

describe('work-factory doctor and Redis', { skip: redisServerPath() === undefined }, () => {
  it('tells a store that evicts, one that is fit, and one that is away', async (t) => {
    const RESULTS_URL = (await startRedis(t)).url;
    const admin = new Redis(RESULTS_URL);
    t.after(() => admin.disconnect());
    const env = { FAKTORY_URL: 'tcp://127.0.0.1:1', RESULTS_URL };
    const fit = await cli(['doctor', '--url', nowhere], { env });
    assert.match(
      fit.out,
      /^ok {7}results {3}127\.0\.0\.1:\d+ answers and does not evict; what is kept survives: \w+$/m,
    );
    assert.match(fit.out, /^ok {7}keys {6}127\.0\.0\.1:\d+ answers and does not evict/m);
    await admin.config('SET', 'maxmemory', '100mb');
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const evicting = await cli(['doctor', '--url', nowhere], { env });
    assert.match(evicting.out, /^problem {2}keys {6}127\.0\.0\.1:\d+: Redis would forget keys.*allkeys-lru/m);
    assert.match(evicting.out, /^warning {2}results {3}127\.0\.0\.1:\d+ evicts/m);
    const away = await cli(['doctor', '--url', nowhere], {
      env: { ...env, RESULTS_URL: 'redis://:hidden-word@127.0.0.1:1' },
    });
    assert.match(away.out, /^problem {2}keys {6}127\.0\.0\.1:1 does not answer: .*ECONNREFUSED/m);
    assert.ok(!away.out.includes('hidden-word'));
  });
});
