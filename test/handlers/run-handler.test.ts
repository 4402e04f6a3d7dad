// One run of a job in its process: what its author reads when the arguments, the code or the result are wrong.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { createContext } from '../../src/handlers/job-context.ts';
import { readFromHandler, type FromHandler, type RawJob } from '../../src/handlers/messages.ts';
import { runHandler, type Run } from '../../src/handlers/run-handler.ts';
import { compileDefinition } from '../../src/jobs/compile-definition.ts';

interface Given {
  run?: Run;
  args?: z.ZodType;
  result?: z.ZodType;
  givenArgs?: unknown;
  custom?: RawJob['custom'];
}

const job = { jid: 'job-0001' };

async function end({ run = () => null, args = z.object({ width: z.int() }), result, givenArgs, custom = null }: Given) {
  const compiled = compileDefinition({ name: 'resize', args, ...(result && { result }), run });
  assert.ok('type' in compiled, JSON.stringify(compiled));
  const { context } = createContext({ id: 7, job, attempt: 1, send: () => undefined });
  const line = await runHandler({
    ...{ id: 7, type: compiled.type, run, context, argsBytesMax: 1000, resultBytesMax: 1000 },
    job: { ...job, custom, args: givenArgs ?? [{ width: 5 }] },
  });
  const message = readFromHandler(line);
  assert.ok(message, line);
  return message;
}

const failed = (errtype: string, message: string): FromHandler => ({ type: 'failed', id: 7, errtype, message });

function throwIt(thrown: unknown): () => never {
  return () => {
    throw thrown;
  };
}

describe('a run', () => {
  it('gives any JSON value', async () => {
    for (const value of [null, 0, 'é\n ', [1, { a: [] }], { x: true }])
      assert.deepEqual(await end({ run: async () => value }), { type: 'succeeded', id: 7, result: value });
  });

  it('is given the arguments of a tuple as the list that they are', async () => {
    const args = z.tuple([z.string(), z.int()]);
    const message = await end({ args, givenArgs: ['a', 2], run: (given) => given });
    assert.deepEqual(message, { type: 'succeeded', id: 7, result: ['a', 2] });
  });

  it('does not begin with arguments that do not fit', async () => {
    const run = (): never => assert.fail('it was run');
    const wrong: [unknown, string][] = [
      [[{ width: 'x' }], 'arguments: width must be a number'],
      [[], 'arguments: must be a list of one object, not of 0 values'],
      [[{ width: 1 }, 2], 'arguments: must be a list of one object, not of 2 values'],
      ['text', 'arguments: must be a list'],
    ];
    for (const [givenArgs, message] of wrong)
      assert.deepEqual(await end({ run, givenArgs }), failed('ArgumentsInvalid', message));
  });

  it('reads arguments that travelled compressed, and says what is wrong with them', async () => {
    const text = JSON.stringify([{ width: 5 }]);
    const data = gzipSync(text).toString('base64');
    const encoded = [{ $encoding: 'gzip+base64', bytes: text.length, data }];
    const custom = { content_encoding: 'gzip' };
    const run: Run = (args) => args;
    assert.deepEqual(await end({ run, custom, givenArgs: encoded }), {
      type: 'succeeded',
      id: 7,
      result: { width: 5 },
    });
    const bomb = [{ ...encoded[0], bytes: 5000 }];
    const message = 'arguments: encoded args are 5000 bytes long; at most 1000 are decoded';
    assert.deepEqual(await end({ run, custom, givenArgs: bomb }), failed('ArgumentsInvalid', message));
  });

  it('does not begin when the check of its arguments throws', async () => {
    const args = z.object({ width: z.int().refine(throwIt(new Error('the check broke'))) });
    assert.deepEqual(await end({ args }), failed('ArgumentsInvalid', 'arguments: the check broke'));
  });

  it('is retried when it throws, whatever that is', async () => {
    const hostile = { get message() { throw new Error('no'); } }; // prettier-ignore
    const thrown: [unknown, string, string][] = [
      [new RangeError('too wide'), 'RangeError', 'too wide'],
      ['a text', 'Error', 'a text'],
      [undefined, 'Error', 'undefined'],
      [Object.create(null), 'Error', 'something was thrown that cannot be described'],
      [hostile, 'Error', 'something was thrown that cannot be described'],
      [{ message: 5, name: {} }, 'Error', '5'],
      [new Error('x'.repeat(5000)), 'Error', 'x'.repeat(1000)],
    ];
    for (const [value, errtype, message] of thrown) {
      const told = await end({ run: throwIt(value) });
      assert.equal(told.type, 'threw');
      assert.deepEqual([told.errtype, told.message], [errtype, message]);
    }
  });

  it('tells where it threw, in at most 50 lines', async () => {
    const deep = (level: number): never => (level === 0 ? assert.fail('deep') : deep(level - 1));
    const told = await end({ run: () => deep(5) });
    assert.ok(told.type === 'threw' && told.backtrace.length > 0 && told.backtrace.length <= 50);
    assert.match(told.backtrace[0] as string, /^at /);
  });

  it('is not retried after a PermanentError, of any copy of the package', async () => {
    class PermanentError extends Error {
      override readonly name = 'PermanentError';
    }
    const told = await end({ run: throwIt(new PermanentError('no such image')) });
    assert.deepEqual(told, failed('PermanentError', 'no such image'));
  });

  it('has failed when its result is none', async () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const wrong: [unknown, RegExp][] = [
      [undefined, /^result: undefined is no JSON value; where there is none, return null$/],
      [() => 1, /^result: function is no JSON value/],
      [{ n: 1n }, /^result: cannot be written as JSON: Do not know how to serialize a BigInt/],
      [cycle, /^result: cannot be written as JSON: Converting circular structure to JSON/],
      [{ toJSON: throwIt('no') }, /^result: cannot be written as JSON: no$/],
    ];
    for (const [value, message] of wrong) {
      const told = await end({ run: () => value });
      assert.ok(told.type === 'failed' && told.errtype === 'ResultInvalid', JSON.stringify(told));
      assert.match(told.message, message);
    }
  });

  it('has failed when its result does not fit its schema', async () => {
    const result = z.object({ bytes: z.int() });
    const told = await end({ result, run: () => ({ bytes: 'x' }) });
    assert.deepEqual(told, failed('ResultInvalid', 'result: bytes must be a number'));
    const kept = await end({ result, run: () => ({ bytes: 1, more: 2 }) });
    assert.deepEqual(kept, { type: 'succeeded', id: 7, result: { bytes: 1 } });
  });

  it('has failed when its result is larger than RESULT_BYTES_MAX, in UTF-8', async () => {
    const told = await end({ run: () => 'é'.repeat(500) });
    const message = 'result: 1002 bytes of JSON are more than RESULT_BYTES_MAX, 1000';
    assert.deepEqual(told, failed('ResultTooLarge', message));
    assert.equal((await end({ run: () => 'é'.repeat(499) })).type, 'succeeded');
  });
});
