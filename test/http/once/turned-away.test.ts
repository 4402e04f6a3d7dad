// Jobs that the store of keys turns away are counted, whichever way they ask it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeyStoreError } from '../../../src/domain/keys.ts';
import { build } from '../../helpers/app.ts';
import { openKeys } from '../../helpers/key-store.ts';

const args = { a: 1, b: 2 };
const unique = { operation: 'add', args, unique_for: 60 };
const plain = { operation: 'add', args };
const requests: readonly (readonly [string, string, object, number])[] = [
  ['a unique job', '/jobs', unique, 1],
  ['a job with a key in its body', '/jobs', { ...plain, key: 'k' }, 1],
  ['a batch with a unique job', '/jobs/batch', { jobs: [plain, unique] }, 2],
  ['a batch with a key in an entry', '/jobs/batch', { jobs: [plain, { ...plain, key: 'k' }, plain] }, 3],
];

describe('without its store of keys', () => {
  for (const [what, path, body, jobs] of requests)
    it(`${what} is counted as refused, and as rejected where no keys are kept`, async (t) => {
      const keys = { ...(await openKeys(t)), claim: () => Promise.reject(new KeyStoreError('away', 'x')) };
      const away = build(t, { keys });
      assert.equal((await away.post(path, body)).statusCode, 503);
      const counted = (queue: string, outcome: string, count: number): string =>
        `work_factory_jobs_total{operation="add",queue="${queue}",outcome="${outcome}"} ${count}\n`;
      assert.ok((await away.get('/metrics')).payload.includes(counted('default', 'refused', jobs)));
      const unkept = build(t);
      assert.equal((await unkept.post(path, body)).statusCode, 501);
      const page = (await unkept.get('/metrics')).payload;
      assert.ok(page.includes(counted('none', 'rejected', jobs)), 'rejected');
      assert.ok(page.includes(counted('default', 'refused', 0)), 'refused');
    });
});
