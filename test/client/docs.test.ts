// docs/client.md is true: its code runs, against a service.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { WorkFactoryError } from '../../src/client/error.ts';
import { brokerFolder } from '../helpers/broker.ts';
import { pathOf, programUrlOf } from '../helpers/paths.ts';
import { startService } from '../helpers/service.ts';

const text = readFileSync(pathOf('docs/client.md'), 'utf8');

it('docs/client.md shows code that does what it says', async (t) => {
  const url = await startService(t).readyUrl();
  const [, code = assert.fail('no code')] = /```js\n([\s\S]*?)```/.exec(text) ?? [];
  const printed: unknown[][] = [];
  t.mock.method(console, 'log', (...values: unknown[]) => void printed.push(values));
  const file = join(brokerFolder(), 'client.mjs');
  const here = code.replace('work-factory/client', programUrlOf('src/client/index.ts'));
  writeFileSync(file, here.replace('http://127.0.0.1:3000', url));
  await import(pathToFileURL(file).href);
  const [state, stored, rejected, failure] = printed;
  assert.deepEqual(state, ['succeeded', 3]);
  assert.equal(stored?.[0], 'enqueued');
  assert.deepEqual(rejected, ['rejected', 'args b must not be zero']);
  assert.deepEqual(failure, ['not_enqueued', 'validation_failed']);
});

it('docs/client.md names every field of the error', () => {
  const error = new WorkFactoryError({ outcome: undefined, code: 'aborted', detail: 'The caller gave up' });
  for (const field of Object.keys(error).filter((name) => name !== 'name'))
    assert.match(text, new RegExp(`\`${field}\``));
});
