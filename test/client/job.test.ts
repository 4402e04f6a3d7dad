// The state of a job: asked once, waited for, cancelled.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inTurn, networkError, problem, startScripted, type ScriptedResponse } from './scripted-service.ts';

const id = 'job-00000001';
const stateIs = (state: string, fields: object = {}, afterMs = 0): ScriptedResponse => ({
  status: 200,
  body: { job_id: id, state, ...fields },
  afterMs,
});
/** Of a GET or DELETE, where nothing is to be enqueued. */
const refusal = (status: number, code: string): ScriptedResponse => ({ status, body: { status, code, detail: code } });

describe('get', () => {
  it('resolves with the job in the names of this language, its result as it is', async () => {
    const fields = { finished_at: 'T', attempts: 1, result: { some_field: 1 }, a: 1, request_id: null };
    const { client, sent, settled } = startScripted(() => stateIs('succeeded', fields), { apiKey: 'secret' });
    assert.deepEqual(await settled(client.get(id)), {
      ...{ jobId: id, state: 'succeeded', finishedAt: 'T', attempts: 1 },
      ...{ result: { some_field: 1 }, a: 1, requestId: null },
    });
    assert.deepEqual([sent[0]?.method, sent[0]?.path], ['GET', `/jobs/${id}`]);
    assert.equal(sent[0]?.headers['authorization'], 'Bearer secret');
    assert.equal(sent[0]?.headers['content-type'], undefined);
  });

  it('resolves with undefined when the job is not known', async () => {
    const { client, settled } = startScripted(() => refusal(404, 'not_found'));
    assert.equal(await settled(client.get('a/b')), undefined);
  });

  it('asks again when there is no clear response, until the time is over', async () => {
    const reset = networkError('ECONNRESET', 'read');
    const { client, settled } = startScripted(inTurn(reset, refusal(503, 'results_unavailable'), stateIs('pending')));
    assert.equal((await settled(client.get(id)))?.state, 'pending');
    const away = startScripted(() => refusal(503, 'results_unavailable'), { timeoutMs: 2000 });
    const asking = away.settled(away.client.get(id));
    await assert.rejects(asking, { code: 'results_unavailable', status: 503, outcome: undefined, jobIds: [] });
  });

  it('does not ask again in the last 50 ms, which would say less than the response before', async () => {
    for (let timeoutMs = 100; timeoutMs <= 300; timeoutMs += 20) {
      const late = { ...stateIs('pending'), afterMs: 40 };
      const { client, settled } = startScripted(inTurn(refusal(503, 'results_unavailable'), late), { timeoutMs });
      const end = await settled(client.get(id)).catch((error: unknown) => (error as { code: string }).code);
      if (typeof end === 'string') assert.equal(end, 'results_unavailable', `${timeoutMs} ms`);
    }
  });

  it('does not ask again where no results are kept', async () => {
    const { client, sent, settled } = startScripted(() => refusal(501, 'results_not_kept'));
    await assert.rejects(settled(client.get(id)), { code: 'results_not_kept', status: 501 });
    assert.equal(sent.length, 1);
  });
});

describe('wait', () => {
  it('asks until the job has ended, for 30 s at a time', async () => {
    const held = stateIs('pending', {}, 30_000);
    const { client, sent, settled } = startScripted(inTurn(held, held, stateIs('succeeded', { result: 3 }, 500)));
    const job = await settled(client.wait(id, { timeoutMs: 100_000 }));
    assert.deepEqual([job?.state, job?.result], ['succeeded', 3]);
    assert.deepEqual(
      sent.map(({ path }) => path),
      Array(3).fill(`/jobs/${id}?wait=30`),
    );
  });

  it('resolves with the present state when the time is over', async () => {
    const { client, sent, settled, clock } = startScripted(({ path }) =>
      stateIs('pending', {}, Number(path.split('=')[1]) * 1000),
    );
    assert.equal((await settled(client.wait(id, { timeoutMs: 45_000 })))?.state, 'pending');
    assert.deepEqual(
      sent.map(({ path }) => path.split('?')[1]),
      ['wait=30', 'wait=15'],
    );
    assert.ok(clock.now() <= 1000 + 45_020);
    assert.equal((await settled(client.wait(id, { timeoutMs: 0 })))?.state, 'pending');
  });

  it('also for a job that is not known; a job that others run is not waited for', async () => {
    const { client, settled, clock } = startScripted(({ path }) => ({
      ...refusal(404, 'not_found'),
      afterMs: Number(path.split('=')[1]) * 1000,
    }));
    assert.equal(await settled(client.wait(id, { timeoutMs: 1000 })), undefined);
    assert.ok(clock.now() >= 2000);
    const other = startScripted(() => stateIs('pending', { tracked: false }));
    assert.equal((await other.settled(other.client.wait(id)))?.tracked, false);
    assert.equal(other.sent.length, 1);
  });

  it('pauses between responses that come at once, as while the service drains', async () => {
    const { client, sent, settled } = startScripted(() => stateIs('pending'));
    await settled(client.wait(id, { timeoutMs: 30_000 }));
    assert.ok(sent.length > 10 && sent.length < 25, `${sent.length} requests`);
  });

  it('bears an outage, and ends with it when it is longer', async () => {
    const refused = networkError('ECONNREFUSED', 'connect');
    const back = startScripted(({ atMs }) => (atMs < 50_000 ? refused : stateIs('failed')));
    assert.equal((await back.settled(back.client.wait(id, { timeoutMs: 60_000 })))?.state, 'failed');
    const away = startScripted(() => refused);
    await assert.rejects(away.settled(away.client.wait(id, { timeoutMs: 20_000 })), { code: 'not_connected' });
    assert.ok(away.clock.now() <= 1000 + 25_020);
  });

  it('ends when the caller gives up', async () => {
    const controller = new AbortController();
    const { client, settled, clock } = startScripted(() => stateIs('pending', {}, Infinity));
    clock.after(1000, () => controller.abort());
    const waiting = settled(client.wait(id, { signal: controller.signal }));
    await assert.rejects(waiting, { code: 'aborted', outcome: undefined });
    assert.equal(clock.pendingTimers, 0);
  });
});

describe('cancel', () => {
  it('tells whether the job is cancelled', async () => {
    const { client, sent, settled } = startScripted(() => stateIs('cancelled'));
    assert.equal(await settled(client.cancel(id)), 'cancelled');
    assert.deepEqual([sent[0]?.method, sent[0]?.path], ['DELETE', `/jobs/${id}`]);
    const unknown = startScripted(() => refusal(404, 'not_found'));
    assert.equal(await unknown.settled(unknown.client.cancel(id)), 'not_found');
    const late = startScripted(({ method }) =>
      method === 'DELETE' ? refusal(409, 'not_cancellable') : stateIs('succeeded'),
    );
    assert.equal(await late.settled(late.client.cancel(id)), 'not_cancellable');
  });

  it('tells so too when the response to an earlier attempt was lost', async () => {
    const reset = networkError('ECONNRESET', 'read');
    const script = inTurn(reset, refusal(409, 'not_cancellable'), stateIs('cancelled'));
    const { client, settled } = startScripted(script);
    assert.equal(await settled(client.cancel(id)), 'cancelled');
  });

  it('rejects when nothing is clear until the end', async () => {
    const { client, settled } = startScripted(() => problem(504, 'outcome_unknown'), { timeoutMs: 2000 });
    await assert.rejects(settled(client.cancel(id)), { code: 'outcome_unknown', outcome: undefined });
  });
});
