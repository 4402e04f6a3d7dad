// The table of research into what each reply of the broker proves, one row each.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createArithmeticJob } from '../helpers/jobs.ts';
import { classifyBulkReply, classifyErrorText } from '../../src/faktory/classify.ts';
import type { Reply } from '../../src/faktory/reply-reader.ts';

const jobs = [1, 2, 3].map((a) => createArithmeticJob('add', { a, b: 1 }));
const [first, second, third] = jobs.map(({ jid }) => jid) as [string, string, string];
const bulk = (value: unknown): Reply => ({ type: 'bulk', text: JSON.stringify(value) });
const kindsOf = (reply: Reply, ageMs = 0): string[] | 'violation' => {
  const verdict = classifyBulkReply(reply, jobs, ageMs);
  return 'violation' in verdict ? 'violation' : verdict.map((outcome) => outcome.kind);
};

const permanent = [
  'jobs must have a reasonable jid parameter',
  'jobs must have a jobtype parameter',
  'jobs must have an args parameter',
  'jobs cannot be reserved for more than one day',
  'cannot get "a b" queue: queue names must match \\A[a-zA-Z0-9._-]+\\z',
  `invalid timestamp for 'at': 'tomorrow'`,
  'invalid JSON: json: cannot unmarshal string into Go struct field',
  'not stored: the disk is full',
];
const byRedis = [
  'MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk',
  "OOM command not allowed when used memory > 'maxmemory'.",
  "READONLY You can't write against a read only replica.",
  'NOAUTH Authentication required.',
];
const proofOfNothing = [
  'context deadline exceeded',
  'read unix @->/tmp/redis.sock: i/o timeout',
  'EOF',
  'write: broken pipe',
  'connection reset by peer',
  'redis: connection pool timeout',
  'redis: client is closed',
  'internal error',
  'NOTUNIQUE Job not unique',
  'a text that nobody has seen before',
  '',
  'MISCONFIGURED is no word of Redis',
  'it said: MISCONF',
  'we were told: invalid JSON: x',
];

describe('the class of an error text', () => {
  for (const text of permanent) {
    it(`is a refusal, however late: ${text.slice(0, 40)}`, () => {
      for (const form of [text, `ERR ${text}`]) {
        const outcome = classifyErrorText(form, 60_000);
        assert.deepEqual(outcome, { kind: 'refused', code: 'broker_refused', detail: text });
      }
    });
  }

  for (const text of byRedis) {
    it(`is a refusal for 2.5 s and unknown after: ${text.slice(0, 8)}`, () => {
      for (const form of [text, `ERR ${text}`]) {
        for (const ageMs of [0, 2499, 2500]) {
          assert.deepEqual(classifyErrorText(form, ageMs), {
            kind: 'refused',
            code: 'broker_refused',
            detail: text,
          });
        }
        for (const ageMs of [2500.1, 3000, 10_000]) assert.equal(classifyErrorText(form, ageMs).kind, 'unknown');
      }
    });
  }

  it('is a refusal of the whole broker when that shuts down', () => {
    const outcome = classifyErrorText('ERR shutdown in progress', 9000);
    assert.deepEqual(outcome, { kind: 'refused', code: 'broker_unavailable', detail: 'shutdown in progress' });
  });

  for (const text of proofOfNothing) {
    it(`is unknown: ${text || 'no text at all'}`, () => {
      for (const form of [text, `ERR ${text}`]) assert.equal(classifyErrorText(form, 0).kind, 'unknown');
    });
  }
});

describe('the reply to a PUSHB', () => {
  it('{} enqueues every job', () => {
    assert.deepEqual(kindsOf(bulk({})), ['enqueued', 'enqueued', 'enqueued']);
    assert.deepEqual(kindsOf({ type: 'bulk', text: ' { } ' }), ['enqueued', 'enqueued', 'enqueued']);
  });

  it('gives each job the outcome that the map has for its jid', () => {
    const reply = bulk({ [third]: 'context deadline exceeded', [first]: 'jobs must have an args parameter' });
    assert.deepEqual(kindsOf(reply), ['refused', 'enqueued', 'unknown']);
    assert.deepEqual(kindsOf(bulk({ [second]: byRedis[0] }), 2000), ['enqueued', 'refused', 'enqueued']);
    assert.deepEqual(kindsOf(bulk({ [second]: byRedis[0] }), 3000), ['enqueued', 'unknown', 'enqueued']);
  });

  it('gives every job the outcome of an error for all', () => {
    assert.deepEqual(kindsOf({ type: 'error', text: 'ERR shutdown in progress' }), ['refused', 'refused', 'refused']);
    assert.deepEqual(kindsOf({ type: 'error', text: 'ERR internal error' }), ['unknown', 'unknown', 'unknown']);
    assert.deepEqual(kindsOf({ type: 'error', text: 'MISCONF x' }, 100), ['refused', 'refused', 'refused']);
  });

  const violations: [string, Reply][] = [
    ['a simple OK', { type: 'simple', text: 'OK' }],
    ['nil', { type: 'nil' }],
    ['a jid that was not in it', bulk({ 'some-other-jid': 'jobs must have an args parameter' })],
    ['a jid that was not in it, next to one that was', bulk({ [first]: 'OOM', 'some-other-jid': 'OOM' })],
    ['the jid of all bad jids, which is empty', bulk({ '': 'jobs must have a reasonable jid parameter' })],
    ['text that is not JSON', { type: 'bulk', text: 'OK' }],
    ['nothing', { type: 'bulk', text: '' }],
    ['half a map', { type: 'bulk', text: `{"${first}":"OOM` }],
    ['an array', bulk([])],
    ['null', bulk(null)],
    ['a string', bulk('{}')],
    ['a number', bulk(1)],
    ['a map of something else than texts', bulk({ [first]: { message: 'OOM' } })],
    ['a map that is a prototype', { type: 'bulk', text: '{"__proto__":"OOM"}' }],
  ];
  for (const [what, reply] of violations) {
    it(`puts the connection in doubt when it is ${what}`, () => assert.equal(kindsOf(reply), 'violation'));
  }
});
