// The health check of the image, against the real program in each role.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isHealthy } from '../../src/process/health-check.ts';
import { startService } from '../helpers/service.ts';

const commandLine = (...words: string[]): string => words.map((word) => `${word}\0`).join('');
const program = ['node', 'dist/main.js'];

describe('the health check', () => {
  it('asks the API, below an init too, on the port that it listens on', async (t) => {
    const service = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '0' });
    const { port } = new URL(await service.url());
    for (const host of ['127.0.0.1', '0.0.0.0']) {
      const env = { BIND_ADDR: `${host}:${port}` };
      assert.equal(await isHealthy(env, commandLine(...program)), true);
      assert.equal(await isHealthy(env, commandLine('/sbin/docker-init', '--', ...program, 'api')), true);
    }
    await service.end();
    assert.equal(await isHealthy({ BIND_ADDR: `127.0.0.1:${port}` }, commandLine(...program)), false);
  });

  it('asks the embedded broker for its greeting', async (t) => {
    const service = startService(t, { FAKTORY_BIND: '127.0.0.1:0' }, 'broker');
    const { broker } = await service.line(({ msg }) => msg === 'the broker listens');
    const env = { FAKTORY_BIND: String(broker), BIND_ADDR: '127.0.0.1:1' };
    assert.equal(await isHealthy(env, commandLine(...program, 'broker')), true);
    assert.equal(await isHealthy(env, commandLine(...program, 'api')), false);
    await service.end();
    assert.equal(await isHealthy(env, commandLine(...program, 'broker')), false);
  });

  it('asks a worker on METRICS_ADDR, and for nothing without it: it listens nowhere then', async (t) => {
    const worker = startService(t, { FAKTORY_URL: 'tcp://127.0.0.1:1', METRICS_ADDR: '127.0.0.1:0' }, 'worker');
    const { url } = await worker.line(({ msg }) => msg === 'metrics, health and readiness are served');
    const env = { METRICS_ADDR: `127.0.0.1:${new URL(String(url)).port}` };
    assert.equal(await isHealthy(env, commandLine(...program, 'worker')), true, 'also while its broker is away');
    await worker.end();
    assert.equal(await isHealthy(env, commandLine(...program, 'worker')), false);
    assert.equal(await isHealthy({ BIND_ADDR: '127.0.0.1:1' }, commandLine(...program, 'worker')), true);
  });
});
