import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createJobWith } from '../../src/domain/job.ts';
import { createArithmeticJob, operationNames, typeNamed } from '../helpers/jobs.ts';

const operand = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 0, 1e21, -1e21, 1e-7, 5e-324, Number.MAX_VALUE, 2 ** 53 + 2, 0.1),
);
const requestId = fc.oneof(
  fc.constantFrom(null, undefined),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('"', '\\', '\u2028', '\ud800', 'ünï©ødé 🏭', '</script>', '__proto__'),
);

describe('createJob', () => {
  it('writes the JSON of exactly the job that it was given', () => {
    fc.assert(
      fc.property(fc.constantFrom(...operationNames), operand, operand, requestId, (operation, a, b, id) => {
        fc.pre(typeNamed(operation).readFlat({ a, b, request_id: id }).success);
        const job = createArithmeticJob(operation, { a, b, request_id: id });
        assert.deepEqual(JSON.parse(job.encoded), {
          jid: job.jid,
          jobtype: `math_${operation}`,
          // JSON has a minus zero, but JSON.stringify does not write it.
          args: [{ a: a + 0, b: b + 0, request_id: id ?? null }],
          reserve_for: 60,
          retry: 25,
        });
        assert.equal(job.encodedBytes, Buffer.byteLength(job.encoded));
        assert.equal(job.operation, operation);
        assert.doesNotMatch(job.encoded, /[\r\n]/, 'a line break would end the command');
      }),
      { numRuns: 500 },
    );
  });

  it('has its own jid, or the one that it is given', () => {
    const args = { a: 1, b: 2 };
    assert.notEqual(createArithmeticJob('add', args).jid, createArithmeticJob('add', args).jid);
    assert.equal(createArithmeticJob('add', args, 'a-jid-of-mine').jid, 'a-jid-of-mine');
  });

  it('takes at most 147 bytes a job in a PUSHB of 100, with one-digit operands', () => {
    for (const operation of operationNames) {
      const jobs = Array.from({ length: 100 }, () => createArithmeticJob(operation, { a: 1, b: 2 }));
      const line = `PUSHB [${jobs.map(({ encoded }) => encoded).join(',')}]\r\n`;
      assert.ok(Buffer.byteLength(line) <= 100 * 147, `${operation}: ${Buffer.byteLength(line) / 100} bytes`);
    }
  });
});

describe('createJobWith', () => {
  it('writes the options of the job in place of those of its type', () => {
    const fields = { name: 'resize', jobtype: 'Resize"Image', queue: 'images', retry: 5, reserveForSeconds: 600 };
    const args = { value: ['é'], json: '"é"', jsonBytes: 4, requestId: 'r-1' };
    const job = createJobWith(fields, args, {});
    assert.deepEqual(JSON.parse(job.encoded), {
      jid: job.jid,
      jobtype: 'Resize"Image',
      args: ['é'],
      reserve_for: 600,
      retry: 5,
      queue: 'images',
      custom: { request_id: 'r-1' },
    });
    const at = '2026-12-01T08:00:00.000Z';
    const options = { queue: 'other', retry: 0, reserveForSeconds: 60, at, custom: { tenant: 7 } };
    const record = { job_id: 'a-jid-of-mine', state: 'pending' } as const;
    const other = createJobWith(fields, args, options, record);
    assert.deepEqual(JSON.parse(other.encoded), {
      jid: 'a-jid-of-mine',
      jobtype: 'Resize"Image',
      args: ['é'],
      reserve_for: 60,
      retry: 0,
      queue: 'other',
      at,
      custom: { tenant: 7, request_id: 'r-1' },
    });
    for (const { encoded, encodedBytes } of [job, other]) assert.equal(encodedBytes, Buffer.byteLength(encoded));
    assert.equal(other.record, record);
  });
});
