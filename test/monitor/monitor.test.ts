// METRICS_ADDR: what scrapers and probes get from any process.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { ReadinessReport } from '../../src/domain/readiness.ts';
import { openMonitor } from '../../src/monitor/monitor.ts';
import { startService } from '../helpers/service.ts';
import { until } from '../helpers/until.ts';

async function open(t: TestContext, report: () => Promise<ReadinessReport>): Promise<string> {
  const monitor = await openMonitor({
    host: '127.0.0.1',
    port: 0,
    metrics: { contentType: 'text/plain; version=0.0.4', render: () => Promise.resolve('up 1\n') },
    readiness: report,
    service: 'worker-service',
    version: '1.2.3',
  });
  t.after(() => monitor.close());
  return monitor.url;
}

const ready = (): Promise<ReadinessReport> => Promise.resolve({ isReady: true, body: { status: 'ready' } });

describe('the monitor', () => {
  it('serves metrics, health and readiness, and their heads', async (t) => {
    const url = await open(t, ready);
    const page = await fetch(`${url}/metrics?of=no-interest`);
    assert.deepEqual(
      [page.status, page.headers.get('content-type'), await page.text()],
      [200, 'text/plain; version=0.0.4', 'up 1\n'],
    );
    const health = await (await fetch(`${url}/health`)).json();
    assert.deepEqual(health, { status: 'healthy', service: 'worker-service', version: '1.2.3' });
    const head = await fetch(`${url}/metrics`, { method: 'HEAD' });
    assert.deepEqual([head.headers.get('content-length'), await head.text()], ['5', '']);
  });

  it('says 503 with the report while the process is not ready, and 500 when it cannot say', async (t) => {
    const body = { status: 'unavailable', checks: { broker: { ok: false, reason: 'it is away' } } };
    const url = await open(t, () => Promise.resolve({ isReady: false, body }));
    const response = await fetch(`${url}/ready`);
    assert.deepEqual([response.status, await response.json()], [503, body]);
    const broken = await fetch(`${await open(t, () => Promise.reject(new Error('a secret')))}/ready`);
    assert.deepEqual([broken.status, await broken.text()], [500, '{"error":"internal"}']);
  });

  it('has nothing else, and takes no body', async (t) => {
    const url = await open(t, ready);
    assert.equal((await fetch(`${url}/jobs/add`)).status, 404);
    const post = await fetch(`${url}/metrics`, { method: 'POST', body: 'x'.repeat(1000) });
    assert.deepEqual(
      [post.status, post.headers.get('allow'), post.headers.get('connection')],
      [405, 'GET, HEAD', 'close'],
    );
  });

  it('closes although a client says nothing', async (t) => {
    const monitor = await openMonitor({
      host: '127.0.0.1',
      port: 0,
      metrics: { contentType: 'text/plain', render: () => Promise.resolve('') },
      readiness: ready,
      service: 'worker-service',
      version: '1',
    });
    const socket = connect(Number(new URL(monitor.url).port), '127.0.0.1');
    t.after(() => socket.destroy());
    await new Promise((resolve) => socket.once('connect', resolve));
    await monitor.close();
  });
});

describe('METRICS_ADDR', () => {
  const served = 'metrics, health and readiness are served';

  /** Resolves with the page when it has the line. The change behind the line takes a moment. */
  async function untilPage(url: string, matches: RegExp): Promise<string> {
    let page = '';
    await until(`a line ${String(matches)}`, async () => {
      page = await (await fetch(`${url}/metrics`)).text();
      return matches.test(page);
    });
    return page;
  }

  it('shows a broker and a worker from within, and their readiness with its cause', async (t) => {
    const METRICS_ADDR = '127.0.0.1:0';
    const broker = startService(t, { FAKTORY_BIND: '127.0.0.1:0', METRICS_ADDR }, 'broker');
    const { broker: address } = await broker.line(({ msg }) => msg === 'the broker listens');
    const FAKTORY_URL = `tcp://${String(address)}`;
    const worker = startService(t, { FAKTORY_URL, METRICS_ADDR, WORKER_CONCURRENCY: '7' }, 'worker');
    const urlOf = async (service: typeof worker): Promise<string> =>
      (await service.line(({ msg }) => msg === served))['url'] as string;
    const [brokerUrl, workerUrl] = [await urlOf(broker), await urlOf(worker)];
    const api = startService(t, { FAKTORY_URL }, 'api');
    const url = await api.readyUrl();
    const body = JSON.stringify({ a: 1, b: 2 });
    const enqueued = await fetch(`${url}/jobs/add`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    assert.equal(enqueued.status, 202);

    const page = await untilPage(
      workerUrl,
      /^work_factory_worker_job_duration_seconds_count\{operation="add",outcome="succeeded"\} 1$/m,
    );
    for (const line of [
      /^work_factory_worker_slots 7$/m,
      /^work_factory_worker_queue_wait_seconds_count\{queue="default"\} 1$/m,
      /^work_factory_worker_last_fetch_timestamp_seconds \d{10}/m,
      /^work_factory_faktory_connections\{role="fetch",state="busy"\} 1$/m,
      /^work_factory_faktory_command_duration_seconds_count\{command="FETCH",outcome="ok"\} [1-9]/m,
    ])
      assert.match(page, line);
    await untilPage(workerUrl, /^work_factory_worker_last_beat_timestamp_seconds \d{10}/m);
    const state = await untilPage(brokerUrl, /^work_factory_broker_jobs_ended_total\{outcome="processed"\} 1$/m);
    for (const line of [
      /^work_factory_broker_group_duration_seconds_count [1-9]/m,
      /^work_factory_queue_depth_jobs\{queue="default"\} 0$/m,
      /^work_factory_queue_latency_seconds\{queue="default"\} 0$/m,
      /^work_factory_broker_workers 1$/m,
      /^work_factory_broker_store_up 1$/m,
    ])
      assert.match(state, line);
    const readyOf = async (of: string) => (await (await fetch(`${of}/ready`)).json()) as Record<string, unknown>;
    const ok = { ok: true };
    assert.deepEqual(await readyOf(brokerUrl), {
      status: 'ready',
      durability: 'fsync',
      checks: { store: ok, draining: ok },
    });
    assert.deepEqual(await readyOf(workerUrl), {
      status: 'ready',
      queues: ['default'],
      checks: { broker: ok, fetching: ok, handlers: ok, draining: ok },
    });

    await broker.end();
    await worker.line(({ msg }) => msg === 'the broker is away');
    for (;;) {
      const { status, checks } = await readyOf(workerUrl);
      if (status === 'ready') continue;
      const { broker: check } = checks as { broker: { ok: boolean; reason: string } };
      assert.match(check.reason, /^the broker cannot be used: (the connection was refused|it closed)/);
      break;
    }
  });

  it('names the store of results for which a worker fetches nothing, and is ready unless results are required', async (t) => {
    const nothing = { FAKTORY_BIND: '127.0.0.1:0' };
    const broker = startService(t, nothing, 'broker');
    const { broker: address } = await broker.line(({ msg }) => msg === 'the broker listens');
    const env = {
      FAKTORY_URL: `tcp://${String(address)}`,
      RESULTS_URL: 'redis://127.0.0.1:1',
      METRICS_ADDR: '127.0.0.1:0',
    };
    const refused = 'the store of results cannot be used: the connection was refused: nothing listens there';
    const fetching = { ok: false, reason: `nothing is fetched: ${refused}` };
    const told = [
      ['off', 200, 'paused'],
      ['on', 503, 'unavailable'],
    ] as const;
    for (const [RESULTS_REQUIRED, status, word] of told) {
      const worker = startService(t, { ...env, RESULTS_REQUIRED }, 'worker');
      const { url } = await worker.line(({ msg }) => msg === served);
      await worker.line(({ msg }) => msg === 'the result store takes no results: nothing is fetched');
      const response = await fetch(`${String(url)}/ready`);
      const body = (await response.json()) as { status: string; checks: { fetching: object } };
      assert.deepEqual([response.status, body.status, body.checks.fetching], [status, word, fetching]);
    }
  });

  it('shows the same of the worker in an all-in-one, which takes jobs all the same', async (t) => {
    const service = startService(t, { RESULTS_URL: 'redis://127.0.0.1:1' });
    const url = await service.readyUrl();
    await service.line(({ msg }) => msg === 'the result store takes no results: nothing is fetched');
    const response = await fetch(`${url}/ready`);
    const { status, worker } = (await response.json()) as { status: string; worker: object };
    const reason = 'nothing is fetched: the store of results takes no results';
    assert.deepEqual([response.status, status, worker], [200, 'ready', { ok: false, reason }]);
  });

  it('stops the start when the address cannot be had, before a job is fetched', async (t) => {
    const first = startService(t, { FAKTORY_URL: 'tcp://127.0.0.1:1', METRICS_ADDR: '127.0.0.1:0' }, 'worker');
    const { url } = await first.line(({ msg }) => msg === served);
    const METRICS_ADDR = new URL(String(url)).host;
    const second = startService(t, { FAKTORY_URL: 'tcp://127.0.0.1:1', METRICS_ADDR }, 'worker');
    assert.equal(await second.exited, 1);
    assert.ok(second.lines.some(({ msg }) => msg?.startsWith(`cannot listen on METRICS_ADDR ${METRICS_ADDR}: `)));
  });
});
