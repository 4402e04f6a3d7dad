// What a job of the type http_request may say, as the API reads it, and again as the worker does.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileDefinition } from '../../../src/jobs/compile-definition.ts';
import { createHttpRequest } from '../../../src/jobs/http-request/definition.ts';
import { loadJobs } from '../../../src/jobs/load-jobs.ts';
import { allow } from '../../helpers/receiver.ts';

const settings = { allow: allow('hooks.example.com'), secrets: [], resultBytesMax: 65_536 };
const compiled = compileDefinition({ ...createHttpRequest(settings) });
assert.ok('type' in compiled, JSON.stringify(compiled));
const { type } = compiled;
const url = 'https://hooks.example.com/a';

function problemsOf(fields: object): string[] {
  const reading = type.readFlat({ url, ...fields });
  return reading.success ? [] : reading.issues.map(({ path, message }) => `${path.map(String).join('/')}: ${message}`);
}

describe('the type http_request', () => {
  it('is there only where hosts are named', async () => {
    const without = await loadJobs('no-such-folder');
    assert.equal(without.registry.byName('http_request'), undefined);
    const { registry, definitions } = await loadJobs('no-such-folder', { httpRequest: settings });
    const { queue, runs, ownSlots, compress } = registry.byName('http_request') ?? assert.fail('no type');
    assert.deepEqual(
      { queue, runs, ownSlots, compress },
      { queue: 'http', runs: 'in handler process', ownSlots: true, compress: false },
    );
    assert.equal(typeof definitions.get('http_request')?.['run'], 'function');
  });

  it('fills in the method and the time', () => {
    const reading = type.readFlat({ url, json: { a: 1 }, request_id: 'r-1' });
    assert.ok(reading.success);
    assert.deepEqual(reading.args.value, { url, method: 'POST', json: { a: 1 }, timeout_seconds: 30 });
    assert.equal(reading.args.requestId, 'r-1');
  });

  it('takes any JSON, or a text', () => {
    for (const json of [null, false, 0, '', [], { deep: [1] }]) assert.deepEqual(problemsOf({ json }), []);
    for (const body of ['', 'grüße']) assert.deepEqual(problemsOf({ body }), []);
  });

  const wrong: readonly [fields: object, problem: RegExp][] = [
    [{ url: 'https://evil.example' }, /^url: is not named by HTTP_REQUEST_ALLOW/],
    [{ url: `${url}/${'a'.repeat(2048)}` }, /^url: must be at most 2048 characters/],
    [{ url: 5 }, /^url: /],
    [{ method: 'post' }, /^method: must be one of POST/],
    [{ method: 'CONNECT' }, /^method: must be one of/],
    [{ method: 'GET', body: 'a' }, /^body: is not sent with GET/],
    [{ method: 'HEAD', json: null }, /^json: is not sent with HEAD/],
    [{ json: 1, body: '1' }, /^body: and json exclude each other/],
    [{ body: { a: 1 } }, /^body: /],
    [{ timeout_seconds: 0 }, /^timeout_seconds: must be at least 1/],
    [{ timeout_seconds: 301 }, /^timeout_seconds: must be at most 300/],
    [{ jsn: 1 }, /jsn/],
  ];
  for (const [fields, problem] of wrong)
    it(`refuses ${JSON.stringify(fields).slice(0, 60)}`, () => {
      const problems = problemsOf(fields);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0] as string, problem);
    });
});

describe('the headers of a job', () => {
  const problemOf = (headers: object): string => problemsOf({ headers }).join('\n');

  it('may be what the receiver wants', () => {
    const headers = {
      Authorization: 'Bearer a',
      'content-type': 'text/xml',
      Cookie: 'a=b; c=d',
      'X-Empty': '',
      Accept: '*/*',
    };
    assert.equal(problemOf(headers), '');
  });

  const refused = [
    ...[
      'Host',
      'Content-Length',
      'content-length',
      'Transfer-Encoding',
      'TRANSFER-ENCODING',
      'Connection',
      'Keep-Alive',
    ],
    ...['TE', 'Trailer', 'Upgrade', 'Expect', 'Proxy-Authorization', 'Proxy-Connection', 'HTTP2-Settings'],
    ...['Idempotency-Key', 'idempotency-key', 'Work-Factory-Signature', 'work-factory-attempt', 'WORK-FACTORY-NEW'],
    ...['', 'a b', 'a:b', 'a\r\nHost', 'ü', 'a'.repeat(201)],
  ];
  for (const name of refused)
    it(`cannot be ${JSON.stringify(name.slice(0, 30))}`, () => {
      assert.match(problemOf({ [name]: 'x' }), /^headers\/[^]*: (is set by|has a name)/);
    });

  for (const value of ['a\r\nHost: evil', 'a\nb', '\u0000', 'grüße', ' a', 'a ', 'a\u007f', '\t'])
    it(`cannot have the value ${JSON.stringify(value)}`, () => {
      assert.match(problemOf({ 'X-A': value }), /^headers\/X-A: must be visible ASCII/);
    });

  it('are there once, and not too many', () => {
    assert.equal(problemOf({ 'X-A': '1', 'x-a': '2' }), 'headers/x-a: is there twice');
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`X-${index}`, 'a']));
    assert.equal(problemOf(many), 'headers: must be at most 50');
    assert.equal(problemOf({ 'X-A': 'a'.repeat(6144) }), 'headers: must be at most 6144 bytes in all');
  });
});
