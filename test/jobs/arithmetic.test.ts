import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { exampleOf, operationNames, registry, typeNamed } from '../helpers/jobs.ts';

const accepts = (name: string, body: unknown): boolean => typeNamed(name).readFlat(body).success;

describe('the built-in types', () => {
  it('are the four of the original service', () => {
    assert.deepEqual(operationNames, ['add', 'subtract', 'multiply', 'divide']);
  });

  for (const name of operationNames) {
    it(`${name}: computes its own example, and accepts it as a body`, () => {
      const { args, result } = exampleOf(name);
      assert.deepEqual(typeNamed(name).runInline?.(args), { about: args, result });
      assert.ok(accepts(name, args));
    });

    it(`${name}: is found by its name and by its jobtype`, () => {
      assert.equal(typeNamed(name).jobtype, `math_${name}`);
      assert.equal(registry.byJobtype(`math_${name}`), typeNamed(name));
    });

    it(`${name}: refuses what is not two finite numbers`, () => {
      for (const wrong of [Infinity, -Infinity, NaN, '1', null, undefined, true, [], {}, 1n]) {
        assert.ok(!accepts(name, { a: wrong, b: 1 }), inspect(wrong));
        assert.ok(!accepts(name, { a: 1, b: wrong }), inspect(wrong));
      }
      assert.ok(!accepts(name, JSON.parse('{"a":1e400,"b":1}')));
      for (const wrong of [null, [], 'x', 1]) {
        assert.ok(!accepts(name, wrong));
        assert.ok(!typeNamed(name).readArgs(wrong, 'an id').success);
      }
    });

    it(`${name}: takes a request_id of at most 200 bytes without control characters`, () => {
      const withId = (request_id: unknown) => accepts(name, { a: 1, b: 2, request_id });
      for (const right of [null, undefined, '', 'x'.repeat(200), 'é'.repeat(100), '🏭'.repeat(50)])
        assert.ok(withId(right));
      for (const wrong of ['x'.repeat(201), 'é'.repeat(101), 'a\nb', 'a\u0000b', '\u007f', '\u0085', 7, {}]) {
        assert.ok(!withId(wrong), JSON.stringify(wrong));
        assert.ok(!typeNamed(name).readArgs({ a: 1, b: 2 }, wrong).success, JSON.stringify(wrong));
      }
    });

    it(`${name}: ignores other fields, and carries the request_id in its arguments`, () => {
      const json = '{"a":1,"b":2,"request_id":"an id"}';
      for (const reading of [
        typeNamed(name).readFlat({ a: 1, b: 2, extra: true, request_id: 'an id' }),
        typeNamed(name).readArgs({ a: 1, b: 2, extra: true }, 'an id'),
      ]) {
        assert.ok(reading.success);
        assert.equal(reading.args.json, json);
        assert.equal(reading.args.jsonBytes, json.length);
        assert.equal(reading.args.requestId, undefined);
      }
    });
  }

  it('refuse to divide by zero, and by minus zero', () => {
    assert.ok(!accepts('divide', { a: 1, b: 0 }));
    assert.ok(!accepts('divide', { a: 1, b: -0 }));
    assert.ok(accepts('divide', { a: 0, b: 1 }));
    assert.ok(accepts('add', { a: 1, b: 0 }));
  });

  it('are found by their own names only', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', '', 'ADD', 'pow']) {
      assert.equal(registry.byName(name), undefined);
      assert.equal(registry.byJobtype(`math_${name}`), undefined);
    }
    assert.equal(registry.byJobtype('add'), undefined);
  });

  it('describe a job as the original service did', () => {
    const describeJob = (name: string, a: number, b: number): string => typeNamed(name).describe({ a, b });
    assert.equal(describeJob('add', 1, 2), 'Job enqueued to add 1 + 2');
    assert.equal(describeJob('subtract', 1, 2), 'Job enqueued to subtract 1 - 2');
    assert.equal(describeJob('multiply', 1, 2), 'Job enqueued to multiply 1 × 2');
    assert.equal(describeJob('divide', 1.5, -2), 'Job enqueued to divide 1.5 ÷ -2');
  });
});
