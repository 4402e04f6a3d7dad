// What every KeyStore keeps to, whatever it is made of.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Claim, KeyStore, Verdict } from '../../src/domain/keys.ts';
import { acceptedAs, claimOf, lookFor } from '../helpers/claims.ts';

/** Opens an empty store, which ends with the test. */
export type OpenKeys = (t: TestContext) => Promise<KeyStore>;

const claimOne = async (keys: KeyStore, claim: Claim): Promise<Verdict> => (await keys.claim([claim]))[0] as Verdict;
const states = (verdicts: readonly Verdict[]): string[] => verdicts.map(({ state }) => state);

async function finish(keys: KeyStore, key: string): Promise<Claim> {
  const claim = claimOf(key);
  assert.equal((await claimOne(keys, claim)).state, 'claimed');
  await keys.settle([{ claim, outcome: 'done' }]);
  return claim;
}

export function keyStoreContract(name: string, open: OpenKeys, skip = false): void {
  describe(`the store of keys: ${name}`, { skip }, () => {
    it('gives a key to the first one, and tells the others that it is under way', async (t) => {
      const keys = await open(t);
      const [first, second] = [claimOf('k'), claimOf('k')];
      assert.deepEqual(await claimOne(keys, first), { state: 'claimed' });
      assert.deepEqual(await claimOne(keys, second), { state: 'in_progress', jids: first.jids });
    });

    it('gives a key to one of a hundred that come together', async (t) => {
      const keys = await open(t);
      for (const callers of [2, 10, 100]) {
        const verdicts = await Promise.all(
          Array.from({ length: callers }, () => claimOne(keys, claimOf(`k${callers}`))),
        );
        const claimed = verdicts.filter(({ state }) => state === 'claimed');
        assert.equal(claimed.length, 1, `${callers}`);
        assert.ok(verdicts.every(({ state }) => state === 'claimed' || state === 'in_progress'));
      }
    });

    it('answers as the first one was answered, again and again', async (t) => {
      const keys = await open(t);
      const { response } = await finish(keys, 'k');
      for (let time = 0; time < 3; time++) {
        assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'done', response });
        assert.deepEqual(await claimOne(keys, lookFor('k')), { state: 'done', response });
      }
    });

    it('keeps another response than the claim had', async (t) => {
      const keys = await open(t);
      const claim = claimOf('k');
      await claimOne(keys, claim);
      const response = { status: 206, body: JSON.stringify({ text: 'grüße 😀', long: 'x'.repeat(100_000) }) };
      await keys.settle([{ claim, outcome: 'done', response }]);
      assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'done', response });
    });

    it('refuses a key with another body, under way and done', async (t) => {
      const keys = await open(t);
      await claimOne(keys, claimOf('k'));
      assert.deepEqual(await claimOne(keys, claimOf('k', 'other')), { state: 'reused' });
      await finish(keys, 'l');
      assert.deepEqual(await claimOne(keys, claimOf('l', 'other')), { state: 'reused' });
    });

    it('frees a key whose jobs were refused', async (t) => {
      const keys = await open(t);
      const claim = claimOf('k');
      await claimOne(keys, claim);
      await keys.settle([{ claim, outcome: 'refused' }]);
      assert.deepEqual(await claimOne(keys, claimOf('k', 'other')), { state: 'claimed' });
    });

    it('claims nothing by a look', async (t) => {
      const keys = await open(t);
      assert.deepEqual(await claimOne(keys, lookFor('k')), { state: 'absent' });
      assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'claimed' });
    });

    it('keeps keys apart', async (t) => {
      const keys = await open(t);
      const first = await finish(keys, 'k');
      const second = await finish(keys, 'l');
      assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'done', response: first.response });
      assert.deepEqual(await claimOne(keys, claimOf('l')), { state: 'done', response: second.response });
    });

    it('answers many claims of one request in their order, one that comes twice included', async (t) => {
      const keys = await open(t);
      const { response } = await finish(keys, 'k500');
      const claims = Array.from({ length: 1200 }, (_, index) => claimOf(`k${index}`));
      const verdicts = await keys.claim([...claims, claimOf('k7')]);
      assert.deepEqual(states(verdicts), [
        ...claims.map((_, index) => (index === 500 ? 'done' : 'claimed')),
        'in_progress',
      ]);
      assert.deepEqual(verdicts[500], { state: 'done', response });
      const ends = claims.filter((_, index) => index !== 500).map((claim) => ({ claim, outcome: 'done' as const }));
      await keys.settle(ends);
      const again = await keys.claim(claims.map((_, index) => claimOf(`k${index}`)));
      assert.deepEqual(
        again.map((verdict) => verdict.state === 'done' && verdict.response),
        claims.map(({ jids: [jid] }, index) => (index === 500 ? response : acceptedAs(jid as string))),
      );
    });
  });
}
