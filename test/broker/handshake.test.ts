// The password's hash, against a vector that other implementations test with.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createChallenge, hashPassword, parseHello } from '../../src/broker/handshake.ts';

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
  assert.equal(await one.accepts({ wid: undefined, pwdhash }), true);
  assert.equal(await other.accepts({ wid: undefined, pwdhash }), false);
  assert.equal(await one.accepts({ wid: undefined, pwdhash: '' }), false);
});

it('reads HELLO, and takes what it does not know for absent', () => {
  assert.deepEqual(parseHello(Buffer.from('HELLO {"v":2,"wid":"w","labels":7}')), { wid: 'w', pwdhash: '' });
  assert.deepEqual(parseHello(Buffer.from('HELLO {"wid":7}')), { wid: undefined, pwdhash: '' });
  const pwdhash = 'f'.repeat(100_000);
  assert.deepEqual(parseHello(Buffer.from(`HELLO {"pwdhash":"${pwdhash}"}`)), { wid: undefined, pwdhash: '' });
  for (const line of ['HELLO', 'HELLO {', 'HELLO  {}', 'hello {}', ''])
    assert.equal(parseHello(Buffer.from(line)), undefined);
});
