// Who may operate the service over HTTP.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Operator } from '../../../src/domain/operator.ts';
import { build } from '../../helpers/app.ts';

const operator: Operator = {
  queues: async () => [],
  page: async () => ({ total: 0, jobs: [], cursor: undefined }),
};
const paths = ['/queues', '/sets/dead', '/cron'];
const apiKey = 'api-key-of-16-bytes';
const adminKey = 'ops:admin-key-of-16-b';
const bearer = (key: string) => ({ authorization: `Bearer ${key.replace('ops:', '')}` });

describe('the routes of operators', () => {
  it('do not exist where nobody operates the service', async (t) => {
    const { get } = build(t, { operator: undefined });
    for (const path of paths) assert.equal((await get(path)).statusCode, 404);
    assert.doesNotMatch((await get('/openapi.json')).payload, /"\/queues"/);
  });

  it('want what /jobs wants, or a key of an operator where there are such keys', async (t) => {
    for (const [keys, ...expected] of [
      [{}, 200, 200, 200],
      [{ apiKeys: [apiKey] }, 401, 200, 401],
      [{ adminKeys: [adminKey] }, 401, 401, 200],
      [{ apiKeys: [apiKey], adminKeys: [adminKey] }, 401, 401, 200],
    ] as const) {
      const { get } = build(t, { operator, ...keys });
      for (const path of paths) {
        const answers = [await get(path), await get(path, bearer(apiKey)), await get(path, bearer(adminKey))];
        assert.deepEqual(
          answers.map(({ statusCode }) => statusCode),
          expected,
          `${path} ${JSON.stringify(keys)}`,
        );
      }
    }
    const { get } = build(t, { operator, apiKeys: [apiKey], adminKeys: [adminKey] });
    assert.equal((await get('/metrics', bearer(adminKey))).statusCode, 401);
  });

  it('are told from paths that do not exist, and have their methods', async (t) => {
    const { del, get } = build(t, { operator });
    for (const path of paths) {
      const answer = await del(path);
      assert.deepEqual([answer.statusCode, answer.headers.allow], [405, 'GET, HEAD'], path);
    }
    for (const path of ['/queues/', '/queues/a/b', '/sets', '/sets/a/b/c/d'])
      assert.equal((await get(path)).statusCode, 404);
  });
});
