// Requests with an Idempotency-Key, by their responses: replays, conflicts, reuse, and what is not kept.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { LightMyRequestResponse } from 'fastify';
import { KeyStoreError, type KeyStore } from '../../../src/domain/keys.ts';
import { enqueued, refused, unknown, type Outcome } from '../../../src/domain/producer.ts';
import { build, type BuiltApp } from '../../helpers/app.ts';
import { createFakeClock } from '../../helpers/fake-clock.ts';
import { openKeys } from '../../helpers/key-store.ts';
import { createRecordingResults } from '../recording-results.ts';

const add = { a: 1, b: 2 };
const key = (text: string): Record<string, string> => ({ 'idempotency-key': text });
const down = refused('broker_unavailable', 'the broker is away');
const lost = unknown('no reply');

async function open(t: TestContext, overrides: Parameters<typeof build>[1] = {}): Promise<BuiltApp> {
  return build(t, { keys: await openKeys(t), ...overrides });
}

const isReplay = ({ headers }: LightMyRequestResponse): boolean => headers['idempotency-replayed'] === 'true';

function assertReplay(response: LightMyRequestResponse, first: LightMyRequestResponse): void {
  assert.deepEqual([response.statusCode, response.payload], [first.statusCode, first.payload]);
  assert.equal(response.headers['content-type'], first.headers['content-type']);
  assert.deepEqual([isReplay(response), isReplay(first)], [true, false]);
}

function assertProblem(response: LightMyRequestResponse, status: number, code: string, outcome: string): void {
  const body = response.json();
  assert.deepEqual([response.statusCode, body.code, body.outcome], [status, code, outcome], response.payload);
}

const requests: readonly (readonly [string, object])[] = [
  ['/jobs/add', add],
  ['/jobs', { operation: 'add', args: add, at: '2126-01-01T00:00:00Z' }],
  [
    '/jobs/batch',
    {
      jobs: [
        { operation: 'add', ...add },
        { operation: 'add', ...add },
      ],
    },
  ],
];

for (const [path, body] of requests) {
  describe(`a request with a key to ${path}`, () => {
    it('is enqueued once and answered alike as often as it is sent', async (t) => {
      const { post, producer } = await open(t);
      const first = await post(path, body, key('k'));
      assert.equal(first.statusCode, 202);
      assertReplay(await post(path, body, key('k')), first);
      assertReplay(await post(path, body, key('k')), first);
      assert.equal(producer.calls.length, 1);
    });

    it('is answered as one without, field by field', async (t) => {
      const { post } = await open(t);
      const shape = (text: string): string => text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID');
      const [keyed, plain] = [await post(path, body, key('k')), await post(path, body)];
      assert.equal(shape(keyed.payload), shape(plain.payload));
      assert.equal(keyed.headers['content-type'], plain.headers['content-type']);
    });

    it('is another job with another key, on another path, and without a key', async (t) => {
      const { post, producer } = await open(t);
      await post(path, body, key('k'));
      await post(path, body, key('K'));
      await post(path, body);
      const [otherPath, otherBody] = requests.find(([other]) => other !== path) as [string, object];
      await post(otherPath, otherBody, key('k'));
      assert.equal(producer.calls.length, 4);
    });

    it('is refused with another body, also while the first one is under way', async (t) => {
      const { post, producer } = await open(t);
      await post(path, body, key('k'));
      assertProblem(await post(path, { ...body, x: 1, operation: 'add' }, key('k')), 422, 'key_reused', 'not_enqueued');
      producer.decide(() => 'hang');
      void post(path, body, key('l'));
      while (producer.calls.length < 2) await new Promise((resolve) => setImmediate(resolve));
      assertProblem(await post(path, `${JSON.stringify(body)} `, key('l')), 422, 'key_reused', 'not_enqueued');
    });

    it('is told that the first one is under way', async (t) => {
      const { post, producer } = await open(t);
      producer.decide(() => 'hang');
      void post(path, body, key('k'));
      while (producer.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const response = await post(path, body, key('k'));
      assertProblem(response, 409, 'in_progress', 'unknown');
      assert.match(String(response.headers['retry-after']), /^[12]$/);
      assert.equal(producer.calls.length, 1);
    });

    it('is tried again after a 503 as if it were the first', async (t) => {
      const { post, producer } = await open(t);
      producer.decide(() => down);
      assertProblem(await post(path, body, key('k')), 503, 'broker_unavailable', 'not_enqueued');
      producer.decide(() => enqueued);
      assert.equal((await post(path, body, key('k'))).statusCode, 202);
      assert.equal(producer.calls.length, 2);
    });

    it('is enqueued once by 2, 10 and 100 callers at once', async (t) => {
      const { post, producer } = await open(t);
      for (const callers of [2, 10, 100]) {
        const before = producer.calls.length;
        const sent = Array.from({ length: callers }, () => post(path, body, key(`k${callers}`)));
        const responses = await Promise.all(sent);
        assert.equal(producer.calls.length - before, 1);
        const ids = new Set(responses.filter(({ statusCode }) => statusCode === 202).map(({ payload }) => payload));
        assert.equal(ids.size, 1);
        assert.ok(responses.every(({ statusCode }) => statusCode === 202 || statusCode === 409));
      }
    });

    it('is refused, and nothing enqueued, without a store, and with one that is away or full', async (t) => {
      const { post, producer } = build(t);
      assertProblem(await post(path, body, key('k')), 501, 'keys_not_kept', 'not_enqueued');
      assert.equal((await post(path, body)).statusCode, 202);
      for (const reason of ['away', 'full'] as const) {
        const keys = { ...(await openKeys(t)), claim: () => Promise.reject(new KeyStoreError(reason, 'x')) };
        const app = build(t, { keys });
        const response = await app.post(path, body, key('k'));
        assertProblem(response, 503, 'keys_unavailable', 'not_enqueued');
        assert.match(String(response.headers['retry-after']), /^[12]$/);
        const page = (await app.get('/metrics')).payload;
        const jobs = path === '/jobs/batch' ? 2 : 1;
        assert.match(
          page,
          new RegExp(`^work_factory_jobs_total\\{operation="add",queue="default",outcome="refused"\\} ${jobs}$`, 'm'),
        );
        assert.equal(app.producer.calls.length, 0);
        assert.equal((await app.post(path, body)).statusCode, 202);
      }
      assert.equal(producer.calls.length, 1);
    });

    it('is not answered as enqueued before its broker, and the store of keys, have it', async (t) => {
      const order: string[] = [];
      const keys = await openKeys(t);
      const told: KeyStore = {
        ...keys,
        async claim(claims) {
          const verdicts = await keys.claim(claims);
          order.push('claimed');
          return verdicts;
        },
        async settle(settlements) {
          await keys.settle(settlements);
          order.push('settled');
        },
      };
      const { post, producer } = build(t, { keys: told });
      producer.decide(() => (order.push('pushed'), enqueued));
      await post(path, body, key('k'));
      order.push('answered');
      assert.deepEqual([...new Set(order)], ['claimed', 'pushed', 'settled', 'answered']);
    });
  });
}

describe('a key', () => {
  it('is 1 to 255 visible ASCII characters', async (t) => {
    const { post, producer } = await open(t);
    for (const good of ['!', '~', '"quoted"', 'x'.repeat(255)])
      assert.equal((await post('/jobs/add', add, key(good))).statusCode, 202, good);
    for (const bad of ['', 'two words', 'x'.repeat(256), 'ä', 'tab\tbed'])
      assertProblem(await post('/jobs/add', add, key(bad)), 422, 'validation_failed', 'not_enqueued');
    assert.equal(producer.calls.length, 4);
  });

  it('of a request that is not valid is free', async (t) => {
    const { post } = await open(t);
    assertProblem(await post('/jobs/add', { a: 1 }, key('k')), 422, 'validation_failed', 'not_enqueued');
    assertProblem(
      await post('/jobs/batch', { jobs: [{ operation: 'pow' }] }, key('k')),
      422,
      'validation_failed',
      'not_enqueued',
    );
    assert.equal((await post('/jobs/add', { a: 1 }, key('k'))).statusCode, 422);
    assert.equal((await post('/jobs/add', add, key('k'))).statusCode, 202);
    assert.equal((await post('/jobs/batch', { jobs: [{ operation: 'add', ...add }] }, key('k'))).statusCode, 202);
  });

  it('finds what was enqueued in time although the same body has become too late', async (t) => {
    const keys = await openKeys(t);
    const { post } = build(t, { keys });
    const expires_at = new Date(Date.now() + 60_000).toISOString();
    const body = { operation: 'add', args: add, expires_at };
    const first = await post('/jobs', body, key('k'));
    assert.equal(first.statusCode, 202);
    const now = Date.now();
    t.mock.method(Date, 'now', () => now + 120_000);
    assert.equal((await post('/jobs', body)).statusCode, 422, 'without a key it is too late');
    assertReplay(await post('/jobs', body, key('k')), first);
  });

  it('belongs to the name of the API key, whichever of its keys is sent', async (t) => {
    const apiKeys = [
      'web:0123456789abcdef',
      'web:fedcba9876543210',
      'cron:0123456789ABCDEF',
      'nameless-0123456',
      'nameless-6543210',
    ];
    const { post, producer } = await open(t, { apiKeys });
    const as = (secret: string) => post('/jobs/add', add, { authorization: `Bearer ${secret}`, ...key('k') });
    const web = await as('0123456789abcdef');
    assertReplay(await as('fedcba9876543210'), web);
    const cron = await as('0123456789ABCDEF');
    assert.notEqual(cron.json().job_id, web.json().job_id);
    const nameless = await as('nameless-0123456');
    assertReplay(await as('nameless-6543210'), nameless);
    assert.equal(producer.calls.length, 3);
    assert.equal((await as('web:0123456789abcdef')).statusCode, 401);
  });

  it('of a batch that was stored in part replays its 206', async (t) => {
    const { post, producer } = await open(t);
    producer.decide((_job, index): Outcome => [enqueued, down, lost][index] as Outcome);
    const jobs = [add, add, { a: 1 }, add].map((args) => ({ operation: 'add', ...args }));
    const first = await post('/jobs/batch', { jobs }, key('k'));
    assert.deepEqual(
      [first.statusCode, first.json().counts],
      [206, { enqueued: 1, rejected: 1, failed: 1, unknown: 1 }],
    );
    producer.decide(() => enqueued);
    assertReplay(await post('/jobs/batch', { jobs }, key('k')), first);
    assert.equal(producer.calls.length, 1);
  });

  it('counts and logs what it meets, and never says its text', async (t) => {
    const { post, get, log } = await open(t);
    for (const body of [add, add, { a: 2, b: 2 }]) await post('/jobs/add', body, key('secret-text'));
    const page = (await get('/metrics')).payload;
    for (const outcome of ['claimed', 'replayed', 'reused'])
      assert.match(page, new RegExp(`work_factory_keys_total\\{outcome="${outcome}"\\} 1`));
    const lines = log.map(({ msg }) => msg);
    assert.deepEqual(lines, ['a key was sent again: replayed', 'a key was sent again with another body']);
    assert.ok(!JSON.stringify(log).includes('secret-text'));
  });

  it('is in /ready by what it survives', async (t) => {
    const { get } = await open(t);
    assert.equal((await get('/ready')).json().keys, 'memory');
    assert.equal((await build(t).get('/ready')).json().keys, 'none');
  });
});

describe('a key whose first outcome is unknown', () => {
  async function unknownFirst(t: TestContext) {
    const keys = await openKeys(t);
    const results = createRecordingResults();
    const jids: string[] = [];
    // As a store says it that cannot ask the broker.
    const ofFaktory: KeyStore = {
      ...keys,
      claim: (claims) =>
        jids.length === 0
          ? keys.claim(claims)
          : Promise.resolve(
              claims.map(() => ({ state: 'unknown', jids, response: { status: 202, body: '{"job_id":"x"}' } })),
            ),
    };
    const built = build(t, { keys: ofFaktory, results });
    built.producer.decide(() => lost);
    const first = await built.post('/jobs/add', add, key('k'));
    assertProblem(first, 504, 'outcome_unknown', 'unknown');
    jids.push(...(first.json().job_ids as string[]));
    return { ...built, results, jid: jids[0] as string };
  }

  it('stays unknown, with the ids, while nobody has seen its jobs', async (t) => {
    const { post, producer, results, jid } = await unknownFirst(t);
    for (const record of [undefined, { job_id: jid, state: 'pending' as const }]) {
      if (record) await results.put([record]);
      const response = await post('/jobs/add', add, key('k'));
      assertProblem(response, 504, 'outcome_unknown', 'unknown');
      assert.deepEqual(response.json().job_ids, [jid]);
      assert.equal(response.headers['retry-after'], undefined);
    }
    assert.equal(producer.calls.length, 1);
  });

  it('is answered as the first one would have been once a worker has had its jobs', async (t) => {
    const { post, producer, results, jid } = await unknownFirst(t);
    await results.put([{ job_id: jid, state: 'pending', attempts: 1, error: 'x' }]);
    const response = await post('/jobs/add', add, key('k'));
    assert.deepEqual([response.statusCode, response.payload, isReplay(response)], [202, '{"job_id":"x"}', true]);
    assert.equal(producer.calls.length, 1);
  });
});

describe('a caller with a key', () => {
  it('is answered by its deadline although the claim took its time and the broker hangs', async (t) => {
    const clock = createFakeClock();
    const keys = await openKeys(t);
    const slow: KeyStore = {
      ...keys,
      async claim(claims) {
        clock.advance(1500);
        return keys.claim(claims);
      },
    };
    const { post, producer } = build(t, { keys: slow, clock, enqueueTimeoutMs: 5000 });
    producer.decide(() => 'hang');
    const response = post('/jobs/add', add, key('k'));
    while (producer.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(3501);
    assertProblem(await response, 504, 'outcome_unknown', 'unknown');
  });

  it('is answered that its job is enqueued although the store of keys hangs afterwards', async (t) => {
    const clock = createFakeClock();
    const keys = { ...(await openKeys(t)), settle: () => new Promise<never>(() => undefined) };
    const { post, producer } = build(t, { keys, clock, enqueueTimeoutMs: 5000 });
    const response = post('/jobs/add', add, key('k'));
    while (producer.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5001);
    assert.equal((await response).statusCode, 202);
  });
});
