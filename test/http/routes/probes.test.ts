// /health, /ready and /metrics when things are not well.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEventLoopLag } from '../../../src/http/plugins/event-loop-lag.ts';
import { build } from '../../helpers/app.ts';
import { createStallingClock } from '../../helpers/fake-clock.ts';
import { openKeys } from '../../helpers/key-store.ts';
import { createRecordingResults } from '../recording-results.ts';

describe('/ready', () => {
  it('names the broker when it does not answer, without repeating what it said', async (t) => {
    const { get, producer } = build(t);
    producer.onPing(() => Promise.reject(new Error('tcp://:secret@broker:7419')));
    const response = await get('/ready');
    assert.equal(response.statusCode, 503);
    assert.deepEqual(response.json(), {
      status: 'unavailable',
      durability: 'memory',
      keys: 'none',
      checks: {
        broker: { ok: false, reason: 'the broker cannot be used: the log says why' },
        accepting: { ok: true },
        draining: { ok: true },
      },
    });
  });

  it('says 503 while draining, and closes connections, while /health stays 200', async (t) => {
    const { get, drain } = build(t);
    drain();
    const ready = await get('/ready');
    assert.deepEqual(
      [ready.statusCode, ready.json().checks.draining.ok, ready.headers.connection],
      [503, false, 'close'],
    );
    const health = await get('/health');
    assert.deepEqual([health.statusCode, health.headers.connection], [200, 'close']);
  });

  it('names the store of results and of keys with its cause, and stays ready without them', async (t) => {
    const results = { ...createRecordingResults(), check: () => Promise.reject(new Error('OOM command not allowed')) };
    const keys = { ...(await openKeys(t)), check: () => Promise.reject(new Error('connect ECONNREFUSED secret:6379')) };
    const ready = await build(t, { results, keys }).get('/ready');
    assert.equal(ready.statusCode, 200);
    const { results: first, keys: second } = ready.json().checks;
    assert.deepEqual(first, { ok: false, reason: 'the store of results cannot be used: its memory is full (OOM)' });
    const refused = 'the store of keys cannot be used: the connection was refused: nothing listens there';
    assert.deepEqual(second, { ok: false, reason: refused });
    const required = await build(t, { results, keys, resultsRequired: true }).get('/ready');
    assert.deepEqual([required.statusCode, required.json().status], [503, 'unavailable']);
  });

  it('never touches the broker for /health', async (t) => {
    const { get, producer } = build(t);
    await get('/health');
    assert.equal(producer.pings, 0);
  });
});

describe('the event loop guard', () => {
  it('refuses jobs, and nothing else, while the loop lags twice in a row', async (t) => {
    const clock = createStallingClock();
    const { post, get } = build(t, { clock });
    const status = async (): Promise<number> => (await post('/jobs/add', { a: 1, b: 2 })).statusCode;
    clock.advance(250 + 1001);
    assert.equal(await status(), 202);
    clock.advance(250 + 1001);
    const response = await post('/jobs/add', { a: 1, b: 2 });
    assert.deepEqual([response.statusCode, response.json().code], [503, 'overloaded']);
    assert.equal((await get('/ready')).json().checks.accepting.ok, false);
    assert.equal((await get('/health')).statusCode, 200);
    assert.equal((await get('/metrics')).statusCode, 200);
    clock.advance(250);
    assert.equal(await status(), 202);
  });

  it('stops its timer', () => {
    const clock = createStallingClock();
    const lag = createEventLoopLag(clock);
    lag.stop();
    assert.equal(clock.pendingTimers, 0);
  });
});

describe('/metrics', () => {
  it('counts requests by route pattern, and those without a route under one name', async (t) => {
    const { get, post } = build(t);
    await post('/jobs/add', { a: 1, b: 2 });
    await get('/jobs/01990000-0000-7000-8000-000000000001');
    await get('/some/path');
    const { payload } = await get('/metrics');
    const counts = payload.split('\n').filter((line) => line.startsWith('http_server_request_duration_seconds_count'));
    const labels = (method: string, route: string, status: number): string =>
      `http_server_request_duration_seconds_count{http_request_method="${method}",http_route="${route}",` +
      `http_response_status_code="${status}"} 1`;
    assert.deepEqual(counts.sort(), [
      labels('GET', '/jobs/:job_id', 501),
      labels('POST', '/jobs/add', 202),
      labels('other', 'none', 404),
    ]);
  });

  it('says when it drains', async (t) => {
    const { get, drain } = build(t);
    assert.match((await get('/metrics')).payload, /^work_factory_draining 0$/m);
    drain();
    assert.match((await get('/metrics')).payload, /^work_factory_draining 1$/m);
  });
});
