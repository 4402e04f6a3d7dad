import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createJid, jidPattern, jidTimeMs } from '../../src/domain/jid.ts';

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('jid', () => {
  it('has the form of a UUID version 7, and of an id that the API accepts', () => {
    for (let i = 0; i < 2000; i++) {
      const jid = createJid();
      assert.match(jid, uuid7);
      assert.match(jid, jidPattern);
    }
  });

  it('is never the same twice, within one millisecond too', () => {
    const jids = Array.from({ length: 50_000 }, () => createJid(1_700_000_000_000));
    assert.equal(new Set(jids).size, jids.length);
  });

  it('sorts by its time', () => {
    const jids = [0, 1, 255, 4096, 1_700_000_000_000, 1_700_000_000_001, 2 ** 48 - 1].map((ms) => createJid(ms));
    assert.deepEqual([...jids].sort(), jids);
  });

  it('tells its time again', () => {
    for (const ms of [0, 1, 1_700_000_000_123, 2 ** 48 - 1]) assert.equal(jidTimeMs(createJid(ms)), ms);
    for (const other of [
      '',
      'x',
      '018bcfe5-687b-4000-8000-000000000000',
      createJid(1).toUpperCase(),
      `${createJid(1)}0`,
    ]) {
      assert.equal(jidTimeMs(other), undefined, other);
    }
  });

  it('varies in every one of its 74 random bits', () => {
    let ones = 0n;
    let zeros = 0n;
    for (let i = 0; i < 200; i++) {
      const bits = BigInt(`0x${createJid(0).replaceAll('-', '')}`);
      ones |= bits;
      zeros |= ~bits;
    }
    const varying = (ones & zeros & ((1n << 128n) - 1n)).toString(2).replaceAll('0', '').length;
    assert.equal(varying, 74);
  });
});
