// API keys: what they guard, and that they are told to nobody.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { httpContract } from '../../contract/http.ts';
import { build } from '../../helpers/app.ts';

const keys = ['first-key-0123456789', 'second-key-0123456789'];
const key = (text: string): Record<string, string> => ({ authorization: `Bearer ${text}` });

describe('with API keys', () => {
  it('answers 401 without a key, before the body is read', async (t) => {
    const { post, get, producer } = build(t, { apiKeys: keys });
    const responses = [
      await post('/jobs/add', '{broken'),
      await post('/jobs/batch', '{broken'),
      await get('/jobs/unknown-id'),
      await get('/metrics'),
    ];
    for (const response of responses) {
      assert.deepEqual([response.statusCode, response.json().code], [401, 'unauthorized']);
      assert.equal(response.headers['www-authenticate'], 'Bearer');
    }
    assert.equal(responses[0]?.json().outcome, 'not_enqueued');
    assert.equal(producer.calls.length, 0);
  });

  it('refuses every key that is not exactly one of them', async (t) => {
    const { get } = build(t, { apiKeys: keys });
    const wrong = [
      ...['', 'wrong', `${keys[0]}x`, keys[0]!.slice(1), keys.join(','), keys.join(' ')].map((text) => key(text)),
      { authorization: keys[0]! },
      { authorization: `Basic ${keys[0]}` },
    ];
    for (const headers of wrong)
      assert.equal((await get('/metrics', headers)).statusCode, 401, headers['authorization']);
  });

  it('accepts each of them', async (t) => {
    const { post, get } = build(t, { apiKeys: keys });
    for (const text of keys) {
      assert.equal((await post('/jobs/add', { a: 1, b: 2 }, key(text))).statusCode, 202);
      assert.equal((await get('/metrics', { authorization: `bearer ${text}` })).statusCode, 200);
    }
  });

  it('leaves the probes and the document open', async (t) => {
    const { get } = build(t, { apiKeys: keys });
    for (const path of ['/health', '/ready', '/openapi.json', '/docs/', '/docs/errors']) {
      assert.equal((await get(path)).statusCode, 200, path);
    }
  });

  it('tells no key in the log or in a response', async (t) => {
    const { post, get, log, producer } = build(t, { apiKeys: keys, logLevel: 'trace' });
    const responses = [
      await post('/jobs/add', { a: 1, b: 2 }, key(keys[0]!)),
      await get('/metrics', key('wrong-key-xyz')),
    ];
    producer.breakWith(new Error('bug'));
    responses.push(await post('/jobs/add', { a: 1, b: 2 }, key(keys[0]!)));
    const told = JSON.stringify([log, responses.map(({ headers, payload }) => [headers, payload])]);
    assert.ok(log.length > 0);
    assert.doesNotMatch(told, /first-key|second-key|wrong-key/);
  });
});

httpContract('with an API key', async () => {
  const closers: (() => unknown)[] = [];
  const { listen } = build(
    { after: (close) => void closers.push(close as () => unknown) },
    { apiKeys: keys, batchMaxJobs: 40, batchBodyBytesMax: 16_384 },
  );
  return {
    url: await listen(),
    batchMaxJobs: 40,
    batchBodyBytesMax: 16_384,
    results: 'none',
    apiKey: keys[1]!,
    close: async () => void (await Promise.all(closers.map((close) => close()))),
  };
});
