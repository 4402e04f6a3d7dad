// The password's hash, against a vector that other implementations test with.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createChallenge, hashPassword, parseHello } from '../../../src/broker/protocol/handshake.ts';

/** A HELLO that says nothing. */
const stranger = { version: 0, wid: undefined, pwdhash: '', hostname: undefined, pid: undefined };

it('hashes as Faktory and its clients do', async () => {
  const expected = '6d877f8e5544b1f2598768f817413ab8a357afffa924dedae99eb91472d4ec30';
  assert.equal(await hashPassword('foobar', '55104dc76695721d', 1545), expected);
});

it('makes a salt of its own for every connection, and 4,000 rounds at least', async () => {
  const [one, other] = [createChallenge('secret'), createChallenge('secret')];
  assert.notEqual(one.hi, other.hi);
  const { v, i, s } = JSON.parse(one.hi.slice(4)) as { v: number; i: number; s: string };
  assert.equal(v, 2);
  assert.ok(i >= 4000 && i < 8192);
  const pwdhash = await hashPassword('secret', s, i);
  assert.equal(await one.accepts({ ...stranger, version: 2, pwdhash }), true);
  assert.equal(await other.accepts({ ...stranger, version: 2, pwdhash }), false);
  assert.equal(await one.accepts({ ...stranger, version: 2 }), false);
});

it('wants one round of the hash from clients of version 1, and from those that say none', async () => {
  const challenge = createChallenge('secret');
  const { i, s } = JSON.parse(challenge.hi.slice(4)) as { i: number; s: string };
  const [once, all] = [await hashPassword('secret', s, 1), await hashPassword('secret', s, i)];
  const isAccepted = (version: number, pwdhash: string) => challenge.accepts({ ...stranger, version, pwdhash });
  assert.deepEqual(await Promise.all([isAccepted(0, once), isAccepted(1, once), isAccepted(2, all)]), [
    true,
    true,
    true,
  ]);
  assert.deepEqual(await Promise.all([isAccepted(0, all), isAccepted(1, all), isAccepted(2, once)]), [
    false,
    false,
    false,
  ]);
});

it('reads HELLO as Go does: fields in any case, and no other types', () => {
  const worker = parseHello(Buffer.from('HELLO {"v":2,"WID":"w","Hostname":"h","pid":7,"labels":["a"],"other":7}'));
  assert.deepEqual(worker, { ...stranger, version: 2, wid: 'w', hostname: 'h', pid: 7 });
  assert.deepEqual(parseHello(Buffer.from('HELLO {"wid":null}')), stranger);
  const pwdhash = 'f'.repeat(100_000);
  assert.deepEqual(parseHello(Buffer.from(`HELLO {"pwdhash":"${pwdhash}"}`)), stranger);
  const wrong = [
    '{"wid":7}',
    '{"v":256}',
    '{"v":"2"}',
    '{"labels":[1]}',
    '{"pid":1.5}',
    '{"hostname":[]}',
    '{"rss_kb":""}',
  ];
  for (const line of [...wrong.map((fields) => `HELLO ${fields}`), 'HELLO', 'HELLO {', 'HELLO  {}', 'hello {}', ''])
    assert.equal(parseHello(Buffer.from(line)), undefined, line);
});
