import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import {
  describeJob,
  isOperationName,
  jobtypeOf,
  operationNames,
  operationOfJobtype,
  operations,
} from '../../src/domain/operations.ts';

const accepts = (name: (typeof operationNames)[number], body: unknown): boolean =>
  operations[name].schema.safeParse(body).success;

describe('operations', () => {
  it('has the four of the original service', () => {
    for (const name of ['add', 'subtract', 'multiply', 'divide']) assert.ok(isOperationName(name), name);
  });

  for (const name of operationNames) {
    it(`${name}: computes its own example, and accepts it as a body`, () => {
      const { run, example } = operations[name];
      assert.equal(run(example.a, example.b), example.result);
      assert.ok(accepts(name, { a: example.a, b: example.b }));
    });

    it(`${name}: goes to its jobtype and back`, () => {
      assert.equal(jobtypeOf(name), `math_${name}`);
      assert.equal(operationOfJobtype(jobtypeOf(name)), name);
    });

    it(`${name}: refuses what is not two finite numbers`, () => {
      for (const wrong of [Infinity, -Infinity, NaN, '1', null, undefined, true, [], {}, 1n]) {
        assert.ok(!accepts(name, { a: wrong, b: 1 }), inspect(wrong));
        assert.ok(!accepts(name, { a: 1, b: wrong }), inspect(wrong));
      }
      assert.ok(!accepts(name, JSON.parse('{"a":1e400,"b":1}')));
      for (const wrong of [null, [], 'x', 1]) assert.ok(!accepts(name, wrong));
    });

    it(`${name}: takes a request_id of at most 200 bytes without control characters`, () => {
      const withId = (request_id: unknown) => accepts(name, { a: 1, b: 2, request_id });
      for (const right of [null, undefined, '', 'x'.repeat(200), 'é'.repeat(100), '🏭'.repeat(50)])
        assert.ok(withId(right));
      for (const wrong of ['x'.repeat(201), 'é'.repeat(101), 'a\nb', 'a\u0000b', '\u007f', '\u0085', 7, {}]) {
        assert.ok(!withId(wrong), JSON.stringify(wrong));
      }
    });

    it(`${name}: ignores other fields`, () => {
      assert.deepEqual(operations[name].schema.parse({ a: 1, b: 2, extra: true, request_id: null }), {
        a: 1,
        b: 2,
        request_id: null,
      });
    });
  }

  it('refuses to divide by zero, and by minus zero', () => {
    assert.ok(!accepts('divide', { a: 1, b: 0 }));
    assert.ok(!accepts('divide', { a: 1, b: -0 }));
    assert.ok(accepts('divide', { a: 0, b: 1 }));
    assert.ok(accepts('add', { a: 1, b: 0 }));
  });

  it('knows its own names only', () => {
    for (const name of [
      'constructor',
      '__proto__',
      'toString',
      'hasOwnProperty',
      '',
      'ADD',
      'pow',
      1,
      null,
      undefined,
    ]) {
      assert.ok(!isOperationName(name), String(name));
      assert.equal(operationOfJobtype(`math_${String(name)}`), undefined);
    }
    assert.equal(operationOfJobtype('add'), undefined);
  });

  it('describes a job as the original service did', () => {
    assert.equal(describeJob('add', { a: 1, b: 2 }), 'add 1 + 2');
    assert.equal(describeJob('subtract', { a: 1, b: 2 }), 'subtract 1 - 2');
    assert.equal(describeJob('multiply', { a: 1, b: 2 }), 'multiply 1 × 2');
    assert.equal(describeJob('divide', { a: 1.5, b: -2 }), 'divide 1.5 ÷ -2');
  });
});
