// One job: what is sent, what is sent again, and what the caller is told in the end.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WorkFactoryError } from '../../src/client/error.ts';
import {
  accepted,
  inTurn,
  networkError,
  problem,
  startScripted,
  type Script,
  type ScriptedResponse,
} from './scripted-service.ts';

const refused = networkError('ECONNREFUSED', 'connect');
const reset = networkError('ECONNRESET', 'read');
const hanging: ScriptedResponse = { status: 202, afterMs: Infinity };

/** Enqueues one job; resolves with the failure. */
async function failureOf(script: Script, options = {}) {
  const scripted = startScripted(script, options);
  const failure = await scripted.settled(scripted.client.enqueue('add', { a: 1, b: 2 })).then(
    () => assert.fail('it was enqueued'),
    (error: unknown) => error,
  );
  assert.ok(failure instanceof WorkFactoryError, String(failure));
  return { ...scripted, failure };
}

const keysOf = (sent: readonly { headers: Record<string, string> }[]) =>
  sent.map(({ headers }) => headers['idempotency-key']);

describe('a job', () => {
  it('is posted in the explicit form, with a key and the API key', async () => {
    const { client, sent, settled } = startScripted(() => accepted(), { apiKey: 'secret' });
    const at = new Date('2126-12-01T08:00:00Z');
    const options = { requestId: 'r', queue: 'q', at, retry: 3, reserveFor: 90, custom: { tenant: 1 } };
    const unique = { uniqueFor: 60, uniqueKey: 'u' };
    const response = await settled(
      client.enqueue('add', { a: 1, b: 2 }, { ...options, expiresAt: '2127-01-01T00:00:00Z', ...unique }),
    );
    assert.deepEqual(response, { jobId: 'job-00000001', message: 'Job enqueued' });
    const [{ method, path, headers, body } = assert.fail('nothing was sent')] = sent;
    assert.deepEqual([method, path, sent.length], ['POST', '/jobs', 1]);
    assert.deepEqual(JSON.parse(body ?? ''), {
      ...{ operation: 'add', args: { a: 1, b: 2 }, request_id: 'r', queue: 'q', at: '2126-12-01T08:00:00.000Z' },
      ...{ retry: 3, reserve_for: 90, expires_at: '2127-01-01T00:00:00Z', custom: { tenant: 1 } },
      ...{ unique_for: 60, unique_key: 'u' },
      ...{ unique_for: 60, unique_key: 'u' },
    });
    assert.equal(headers['authorization'], 'Bearer secret');
    assert.equal(headers['content-type'], 'application/json');
    assert.match(headers['idempotency-key'] ?? '', /^[0-9a-f-]{36}$/);
  });

  it('tells its time, that it is an earlier one, and that it was answered before', async () => {
    const response = { ...accepted(), headers: { 'idempotency-replayed': 'true' } };
    Object.assign(response.body as object, { at: '2126-12-01T08:00:00.000Z', duplicate: true });
    const { client, settled } = startScripted(() => response);
    const { at, duplicate, replayed } = await settled(client.enqueue('add', { a: 1, b: 2 }));
    assert.deepEqual([at, duplicate, replayed], ['2126-12-01T08:00:00.000Z', true, true]);
  });
});

describe('what is certainly not stored', () => {
  for (const [what, failure] of [
    ['503', problem(503, 'overloaded')],
    ['429', problem(429, 'too_many_requests')],
    ['a refused connection', refused],
    ['a name that is not found', networkError('ENOTFOUND', 'getaddrinfo')],
  ] as const) {
    it(`is sent again, without a key too: ${what}`, async () => {
      const { client, sent, settled } = startScripted(
        inTurn(problem(501, 'keys_not_kept'), failure, failure, accepted()),
      );
      assert.equal((await settled(client.enqueue('add', { a: 1, b: 2 }))).jobId, 'job-00000001');
      assert.equal(sent.length, 4);
    });
  }

  it('waits as long as Retry-After says, then longer and longer', async () => {
    const busy = { ...problem(503, 'overloaded'), headers: { 'retry-after': '7' } };
    const { client, sent, settled } = startScripted(inTurn(busy, refused, refused, refused, accepted()));
    await settled(client.enqueue('add', { a: 1, b: 2 }));
    const pauses = sent.slice(1).map(({ atMs }, index) => atMs - (sent[index]?.atMs ?? 0));
    // Half of 200, 400, 800 and 1,600 ms, in steps of 20 ms.
    assert.deepEqual(pauses, [7100, 200, 400, 800]);
  });

  it('is given up at the deadline, as not enqueued', async () => {
    const { failure, sent } = await failureOf(() => refused, { timeoutMs: 3000 });
    const { outcome, code, status, attempts } = failure;
    assert.deepEqual([outcome, code, status, attempts], ['not_enqueued', 'not_connected', undefined, sent.length]);
    assert.ok(sent.length > 3 && (sent.at(-1)?.atMs ?? 0) < 3000);
  });

  it('is given up at once when the service asks for more time than there is', async () => {
    const { failure, sent } = await failureOf(() => ({
      ...problem(503, 'overloaded'),
      headers: { 'retry-after': '90' },
    }));
    assert.deepEqual([failure.retryAfterMs, sent.length], [90_000, 1]);
  });

  it('is given up after 20 attempts', async () => {
    const { sent } = await failureOf(() => refused, { timeoutMs: 3_600_000 });
    assert.equal(sent.length, 20);
  });

  it('is not sent again when it would be refused again', async () => {
    const violations = [{ pointer: '/args/b', message: 'must not be zero' }];
    const { failure, sent } = await failureOf(() => problem(422, 'validation_failed', { violations }));
    assert.deepEqual([failure.outcome, failure.code, failure.status], ['not_enqueued', 'validation_failed', 422]);
    assert.deepEqual([failure.problem?.['violations'], sent.length], [violations, 1]);
    assert.equal(failure.message, 'validation_failed: It is validation_failed');
  });

  it('may also be told by something in between: a 4xx did not pass it', async () => {
    const { failure } = await failureOf(() => ({ status: 403, body: '<html>' }));
    assert.deepEqual([failure.outcome, failure.code, failure.status], ['not_enqueued', 'unexpected_response', 403]);
  });

  it('is what is no JSON', async () => {
    const { client, sent, settled } = startScripted(() => accepted());
    const enqueuing = settled(client.enqueue('any', { large: 1n }));
    await assert.rejects(enqueuing, { name: 'WorkFactoryError', code: 'validation_failed', outcome: 'not_enqueued' });
    const keyed = settled(client.enqueue('any', {}, { key: 'zwölf' }));
    await assert.rejects(keyed, { code: 'validation_failed', outcome: 'not_enqueued' });
    assert.equal(sent.length, 0);
  });
});

describe('what may be stored', () => {
  for (const [what, failure] of [
    ['504', problem(504, 'outcome_unknown', { job_ids: ['job-00000001'] })],
    ['500', problem(500, 'internal')],
    ['502 of something in between', { status: 502, body: 'Bad gateway' }],
    ['503 of something in between', { status: 503, body: 'Unavailable' }],
    ['409, an attempt under way', problem(409, 'in_progress')],
    ['a connection that is lost', reset],
    ['a connection that ends within the response', new TypeError('terminated')],
    ['no response', hanging],
  ] as const) {
    it(`is sent again with the same key and bytes: ${what}`, async () => {
      const { client, sent, settled } = startScripted(inTurn(failure, failure, accepted()), { attemptTimeoutMs: 5000 });
      assert.equal((await settled(client.enqueue('add', { a: 1, b: 2 }))).jobId, 'job-00000001');
      assert.equal(sent.length, 3);
      assert.equal(new Set(keysOf(sent)).size, 1);
      assert.equal(new Set(sent.map(({ body }) => body)).size, 1);
    });

    it(`is not sent again where no keys are kept: ${what}`, async () => {
      const { failure: error, sent } = await failureOf(inTurn(problem(501, 'keys_not_kept'), failure));
      assert.equal(error.outcome, 'unknown');
      assert.match(error.detail, /It was not sent again: the service keeps no keys$/);
      assert.deepEqual(
        keysOf(sent).map((key) => key !== undefined),
        [true, false],
      );
    });
  }

  it('stays unknown when an attempt after it is refused, with the ids that were told', async () => {
    const ids = (jobId: string) => problem(504, 'outcome_unknown', { job_ids: [jobId] });
    const script = inTurn(ids('job-00000001'), ids('job-00000002'), problem(422, 'validation_failed'));
    const { failure } = await failureOf(script);
    assert.deepEqual([failure.outcome, failure.code], ['unknown', 'validation_failed']);
    assert.deepEqual(failure.jobIds, ['job-00000001', 'job-00000002']);
  });

  it('is not sent without a key after an attempt with one', async () => {
    const { failure, sent } = await failureOf(inTurn(reset, problem(501, 'keys_not_kept')));
    assert.deepEqual([failure.outcome, failure.code, sent.length], ['unknown', 'keys_not_kept', 2]);
  });

  it('is unknown when a yes has no id, and is not asked for again', async () => {
    for (const response of [
      { status: 200, body: '<html>' },
      { status: 200, body: {} },
      { status: 302, body: '' },
    ]) {
      const { failure, sent } = await failureOf(() => response);
      assert.deepEqual([failure.outcome, failure.code, sent.length], ['unknown', 'unexpected_response', 1]);
    }
  });

  it('is given up at the deadline, an attempt included that gets no response', async () => {
    const { failure, sent, clock } = await failureOf(() => hanging, { timeoutMs: 10_000, attemptTimeoutMs: 4000 });
    assert.deepEqual([failure.outcome, failure.code], ['unknown', 'no_response']);
    assert.equal(sent.length, 3);
    assert.ok(clock.now() <= 1000 + 10_040 && clock.pendingTimers === 0);
  });
});

describe('keys', () => {
  it('of the caller are sent, and the job is not enqueued where none are kept', async () => {
    const { client, sent, settled } = startScripted(() => problem(501, 'keys_not_kept'));
    const enqueuing = settled(client.enqueue('add', { a: 1, b: 2 }, { key: 'order-4711' }));
    await assert.rejects(enqueuing, { code: 'keys_not_kept', outcome: 'not_enqueued', status: 501 });
    assert.deepEqual(keysOf(sent), ['order-4711']);
    assert.doesNotMatch(sent[0]?.body ?? '', /4711/);
  });

  it('are asked for once only where none are kept', async () => {
    const { client, sent, settled } = startScripted(inTurn(problem(501, 'keys_not_kept'), accepted()));
    for (let count = 0; count < 3; count++) await settled(client.enqueue('add', { a: 1, b: 2 }));
    assert.deepEqual(
      keysOf(sent).map((key) => key !== undefined),
      [true, false, false, false],
    );
  });
});

describe('a caller who gives up', () => {
  it('is told that nothing was sent, or that the job may be stored', async () => {
    const controller = new AbortController();
    const { client, sent, settled, clock } = startScripted(() => hanging);
    const enqueuing = client.enqueue('add', { a: 1, b: 2 }, { signal: controller.signal });
    clock.after(500, () => controller.abort(new Error('enough')));
    const failure: unknown = await settled(enqueuing).catch((error: unknown) => error);
    assert.ok(failure instanceof WorkFactoryError);
    assert.deepEqual([failure.code, failure.outcome, sent.length], ['aborted', 'unknown', 1]);
    assert.equal((failure.cause as Error).message, 'enough');
    assert.ok(clock.now() < 2000 && clock.pendingTimers === 0);
    const again = settled(client.enqueue('add', { a: 1, b: 2 }, { signal: controller.signal }));
    await assert.rejects(again, { code: 'aborted', outcome: 'not_enqueued' });
    assert.equal(sent.length, 1);
  });

  it('does not reach requests that have ended', async () => {
    const controller = new AbortController();
    const { client, sent, settled } = startScripted(() => accepted(), { signal: controller.signal });
    await settled(client.enqueue('add', { a: 1, b: 2 }));
    controller.abort();
    assert.deepEqual(
      sent.map(({ signal }) => signal.aborted),
      [false],
    );
  });

  it('does not wait for the end of a pause; the signal of the client ends all', async () => {
    const controller = new AbortController();
    const { client, settled, clock } = startScripted(
      () => ({ ...problem(503, 'overloaded'), headers: { 'retry-after': '30' } }),
      { signal: controller.signal },
    );
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    const enqueuings = Array.from({ length: 20 }, () => client.enqueue('add', { a: 1, b: 2 }));
    clock.after(1000, () => controller.abort());
    for (const end of await settled(Promise.allSettled(enqueuings))) {
      const { code, outcome } = (end as PromiseRejectedResult).reason as WorkFactoryError;
      assert.deepEqual([code, outcome], ['aborted', 'not_enqueued']);
    }
    assert.ok(clock.now() < 3000 && clock.pendingTimers === 0);
    process.off('warning', warn);
    assert.deepEqual(warnings, []);
  });
});
