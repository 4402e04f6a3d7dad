// What the compiler finds before anything is sent: the lines after `@ts-expect-error` are mistakes, and `npm run check` fails
// when the compiler takes one of them. Here everything is sent.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import type { EntryResult } from '../../src/client/batch.ts';
import type { ArgsOf } from '../../src/client/definitions.ts';
import type { twoNumbers } from '../../src/jobs/arithmetic.ts';
import { defineJob } from '../../src/jobs/define-job.ts';
import { operationNames } from '../helpers/jobs.ts';

const resize = defineJob({
  name: 'resize_image',
  args: z.object({ url: z.string(), width: z.int().default(640) }),
  result: z.object({ bytes: z.int() }),
  run: ({ width }) => ({ bytes: width }),
});
const pair = defineJob({ name: 'pair', args: z.tuple([z.string(), z.number()]) });
const definitions = { resize, pair };

const url = 'http://service.test';
let sent = 0;
const fetch = async () => {
  sent++;
  const text = async () => '{"job_id":"job-00000001","message":"","job_ids":[]}';
  return { status: 202, headers: new Headers(), text };
};

it('the client knows operations and arguments from the definitions', async () => {
  const client = createClient<typeof definitions>({ url, fetch });
  const { name } = definitions.resize;
  await client.enqueue(name, { url: 'a' });
  await client.enqueue('resize_image', { url: 'a', width: 1 });
  await client.enqueue('resize_image', { url: 'a' }, { at: new Date(), retry: 3, key: 'k' });
  await client.enqueue('pair', ['a', 1]);
  const { jobId } = await client.enqueue('add', { a: 1, b: 2, request_id: 'r' });
  assert.equal(jobId satisfies string, 'job-00000001');
  const { results } = await client.enqueueBatch([
    { operation: 'add', args: { a: 1, b: 2 } },
    { operation: 'resize_image', args: { url: 'a' }, delaySeconds: 3 },
  ]);
  assert.equal((results satisfies readonly EntryResult[]).length, 2);

  // @ts-expect-error no operation has this name: it is the key of the map
  await client.enqueue('resize', { url: 'a' });
  // @ts-expect-error the url is missing
  await client.enqueue('resize_image', { width: 1 });
  // @ts-expect-error the width is no text
  await client.enqueue('resize_image', { url: 'a', width: '1' });
  // @ts-expect-error a misspelt argument
  await client.enqueue('resize_image', { url: 'a', hight: 1 });
  // @ts-expect-error a list, in this order
  await client.enqueue('pair', [1, 'a']);
  // @ts-expect-error arithmetic takes two numbers
  await client.enqueue('add', { a: 1 });
  // @ts-expect-error a misspelt option
  await client.enqueue('add', { a: 1, b: 2 }, { delay: 3 });
  // @ts-expect-error arguments of another operation
  await client.enqueueBatch([{ operation: 'pair', args: { a: 1, b: 2 } }]);
  // @ts-expect-error a misspelt option of an entry
  await client.enqueueBatch([{ operation: 'add', args: { a: 1, b: 2 }, delay_seconds: 3 }]);
  // @ts-expect-error options of the client
  createClient<typeof definitions>({ url, fetch, api_key: 'k' });
  assert.equal(sent, 15);
});

it('the client knows the built-in operations and their arguments', () => {
  const args = { a: 1, b: 2, request_id: null };
  const builtIn: Omit<ArgsOf<typeof definitions>, 'resize_image' | 'pair'> = {
    add: args,
    subtract: args,
    multiply: args,
    divide: args,
  };
  assert.equal((builtIn.add satisfies z.input<typeof twoNumbers>).a, 1);
  assert.deepEqual(Object.keys(builtIn), operationNames);
});

it('without definitions the client takes any name, and checks the arithmetic alone', async () => {
  const client = createClient({ url, fetch });
  await client.enqueue('anything', { some: ['thing'] });
  await client.enqueue('anything', [1, 'a']);
  await client.enqueueBatch([{ operation: 'anything', args: {} }]);
  // @ts-expect-error arguments are an object or a list
  await client.enqueue('anything', 7);
  // @ts-expect-error arithmetic takes two numbers
  await client.enqueue('add', { a: 1 });
  // @ts-expect-error not a definition
  createClient<{ resize: { name: 'resize' } }>({ url, fetch });
});
