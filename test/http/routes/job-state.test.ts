// GET /jobs/{job_id}: held responses, and a store that is away.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobRecord } from '../../../src/domain/results.ts';
import { idsOf } from '../../contract/results.ts';
import { build, connectRaw } from '../../helpers/app.ts';
import { createRecordingResults } from '../recording-results.ts';

const jid = '01990000-0000-7000-8000-000000000001';
const ended = { job_id: jid, state: 'succeeded', operation: 'add', a: 1, b: 2, request_id: null, result: 3 } as const;

describe('GET /jobs/{job_id}', () => {
  it('answers the record as it is, not to be stored by caches', async (t) => {
    const results = createRecordingResults();
    const { get } = build(t, { results });
    const record = { ...ended, attempts: 1, finished_at: '2026-01-01T00:00:00.000Z' };
    await results.put([record]);
    const response = await get(`/jobs/${jid}`);
    assert.deepEqual([response.statusCode, response.json()], [200, record]);
    assert.equal(response.headers['cache-control'], 'no-store');
  });

  it('answers every field that a record may have', async (t) => {
    const results = createRecordingResults();
    const { get } = build(t, { results });
    const at = '2030-01-01T00:00:00.000Z';
    const record: JobRecord = {
      ...{ job_id: jid, state: 'failed', operation: 'resize', request_id: 'r-1', at, attempts: 3 },
      ...{ result: { sizes: [1, 'x', null] }, error: 'too large', errtype: 'RangeError', tracked: false },
      ...{ progress: { percent: 12.5, note: 'half' }, enqueued_at: at, started_at: at, finished_at: at },
    };
    await results.put([record]);
    assert.deepEqual((await get(`/jobs/${jid}`)).json(), record);
  });

  it('answers a pending job at once without wait', async (t) => {
    const results = createRecordingResults();
    const { get } = build(t, { results });
    results.remember(idsOf(jid));
    assert.deepEqual((await get(`/jobs/${jid}`)).json(), { job_id: jid, state: 'pending' });
  });

  it('holds the response until the job ends, for an unknown id too', async (t) => {
    const results = createRecordingResults();
    const { get } = build(t, { results });
    const response = get(`/jobs/${jid}?wait=30`);
    await results.untilWaiting(1);
    await results.put([ended]);
    assert.deepEqual((await response).json(), ended);
  });

  it('answers the present state when the time is up', async (t) => {
    const results = createRecordingResults();
    const { get } = build(t, { results });
    results.remember(idsOf(jid));
    assert.equal((await get(`/jobs/${jid}?wait=0.02`)).json().state, 'pending');
    assert.equal((await get('/jobs/unknown-id?wait=0.02')).statusCode, 404);
    // Numbers as programs write them.
    for (const wait of ['0.0012345678901', '1e-3']) {
      assert.equal((await get(`/jobs/unknown-id?wait=${wait}`)).statusCode, 404, wait);
    }
    for (const wait of ['31', '1e1', '0x1', '-1', '']) {
      assert.equal((await get(`/jobs/unknown-id?wait=${wait}`)).statusCode, 422, wait);
    }
  });

  it('wakes everyone at once when the drain begins, and holds nobody after', async (t) => {
    const results = createRecordingResults();
    const { get, drain } = build(t, { results });
    results.remember(idsOf(jid));
    const responses = Array.from({ length: 20 }, () => get(`/jobs/${jid}?wait=30`));
    await results.untilWaiting(20);
    drain();
    for (const response of await Promise.all(responses)) {
      assert.equal(response.json().state, 'pending');
      assert.equal(response.headers.connection, 'close');
    }
    assert.equal((await get(`/jobs/${jid}?wait=30`)).json().state, 'pending');
    assert.equal(results.waiting(), 0);
  });

  it('holds one response of a connection, however many it pipelines', async (t) => {
    const results = createRecordingResults();
    const { app, listen } = build(t, { results });
    await listen();
    const wait = `GET /jobs/${jid}?wait=30 HTTP/1.1\r\nHost: x\r\n\r\n`;
    const client = await connectRaw(t, app, wait.repeat(50));
    const other = await connectRaw(t, app, wait);
    await results.untilWaiting(2);
    // Answered after everything that arrived before it has been read.
    const last = await connectRaw(t, app, 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    await last.until((received) => received.includes('healthy'));
    assert.equal(results.waiting(), 2);
    client.socket.destroy();
    await results.untilWaiting(1);
    other.socket.destroy();
    await results.untilWaiting(0);
  });

  it('holds as many responses as half of all connections, and answers the others at once', async (t) => {
    const results = createRecordingResults();
    const { get } = build(t, { results, connectionsMax: 20 });
    results.remember(idsOf(jid));
    const held = Array.from({ length: 10 }, () => get(`/jobs/${jid}?wait=30`));
    await results.untilWaiting(10);
    assert.equal((await get(`/jobs/${jid}?wait=30`)).json().state, 'pending');
    await results.put([ended]);
    for (const response of await Promise.all(held)) assert.equal(response.json().state, 'succeeded');
  });

  it('lets go of a caller that went away', async (t) => {
    const results = createRecordingResults();
    const { app, listen } = build(t, { results });
    await listen();
    const client = await connectRaw(t, app, `GET /jobs/${jid}?wait=30 HTTP/1.1\r\nHost: x\r\n\r\n`);
    await results.untilWaiting(1);
    client.socket.destroy();
    await results.untilWaiting(0);
  });

  it('answers 503 when the store does not answer, never 404: nobody said that the job is unknown', async (t) => {
    const results = createRecordingResults();
    const { get, log } = build(t, { results, logLevel: 'debug' });
    results.breakWith(new Error('store is down'));
    for (const query of ['', '?wait=1']) {
      const response = await get(`/jobs/${jid}${query}`);
      assert.deepEqual([response.statusCode, response.json().code], [503, 'results_unavailable']);
      assert.match(String(response.headers['retry-after']), /^\d$/);
      assert.doesNotMatch(response.payload, /store is down/);
    }
    assert.equal(log.filter(({ msg }) => msg === 'the store of results did not answer').length, 2);
  });

  it('says why there are no results when no store is set', async (t) => {
    const { get } = build(t);
    const response = await get(`/jobs/${jid}`);
    assert.deepEqual([response.statusCode, response.json().code], [501, 'results_not_kept']);
    assert.match(response.json().error, /RESULTS_URL/);
  });
});
