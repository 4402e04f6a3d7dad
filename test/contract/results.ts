// What every ResultStore keeps to, whatever it is made of.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createJid } from '../../src/domain/jid.ts';
import type { JobRecord, ResultStore } from '../../src/domain/results.ts';

/** Opens an empty store, which ends with the test. */
export type OpenResults = (t: TestContext) => Promise<ResultStore>;

export const succeeded = (jid: string, result = 3): JobRecord => ({
  job_id: jid,
  state: 'succeeded',
  operation: 'add',
  a: 1,
  b: 2,
  request_id: 'order "7"',
  result,
  attempts: 1,
  finished_at: '2026-01-02T03:04:05.678Z',
});

const threw = (jid: string, attempts: number): JobRecord => ({
  job_id: jid,
  state: 'pending',
  operation: 'add',
  error: 'said "state":"pending"',
  attempts,
});

export function resultStoreContract(name: string, open: OpenResults, skip: boolean): void {
  describe(`the result store: ${name}`, { skip }, () => {
    it('hands back what was put, and nothing for an id that it never saw', async (t) => {
      const results = await open(t);
      const jid = createJid();
      await results.put([succeeded(jid)]);
      assert.deepEqual(await results.get(jid), succeeded(jid));
      assert.equal(await results.get(createJid()), undefined);
    });

    it('takes ids of any client and any form', async (t) => {
      const results = await open(t);
      const jids = ['0123abcd', 'a.b_c-D.e', 'x'.repeat(64)];
      await results.put(jids.map((jid) => succeeded(jid)));
      for (const jid of jids) assert.equal((await results.get(jid))?.job_id, jid);
    });

    it('knows a remembered id as pending at once, and until it has ended', async (t) => {
      const results = await open(t);
      const jids = Array.from({ length: 250 }, () => createJid());
      results.remember(jids);
      const [first, last] = [jids[0] as string, jids[249] as string];
      assert.deepEqual(await results.get(first), { job_id: first, state: 'pending' });
      assert.deepEqual(await results.get(last), { job_id: last, state: 'pending' });
      await results.put([succeeded(first)]);
      assert.equal((await results.get(first))?.state, 'succeeded');
      assert.equal((await results.get(last))?.state, 'pending');
    });

    it('never replaces an end by pending, and one error between retries by the next', async (t) => {
      const results = await open(t);
      const jid = createJid();
      await results.put([threw(jid, 1)]);
      await results.put([threw(jid, 2)]);
      assert.equal((await results.get(jid))?.attempts, 2);
      await results.put([succeeded(jid)]);
      await results.put([threw(jid, 3)]);
      results.remember([jid]);
      assert.deepEqual(await results.get(jid), succeeded(jid));
      const twice = createJid();
      await results.put([succeeded(twice), threw(twice, 1)]);
      assert.deepEqual(await results.get(twice), succeeded(twice));
    });

    it('takes more records in one call than it writes in one command', async (t) => {
      const results = await open(t);
      const jids = Array.from({ length: 2500 }, () => createJid());
      await results.put(jids.map((jid, index) => succeeded(jid, index)));
      assert.equal((await results.get(jids[0] as string))?.result, 0);
      assert.equal((await results.get(jids[2499] as string))?.result, 2499);
    });

    it('answers a wait as soon as the job ends, whether its id was known before or not', async (t) => {
      const results = await open(t);
      const [known, unknown, ended] = [createJid(), createJid(), createJid()];
      results.remember([known]);
      await results.put([succeeded(ended)]);
      const waits = [known, unknown, ended].map((jid) => results.wait(jid, 10_000));
      assert.deepEqual(await waits[2], succeeded(ended));
      await results.put([succeeded(known), succeeded(unknown)]);
      assert.deepEqual(await waits[0], succeeded(known));
      assert.deepEqual(await waits[1], succeeded(unknown));
    });

    it('answers a wait with the present state when the time is up, and when the signal comes', async (t) => {
      const results = await open(t);
      const [pending, unknown] = [createJid(), createJid()];
      results.remember([pending]);
      assert.equal((await results.wait(pending, 20))?.state, 'pending');
      assert.equal(await results.wait(unknown, 20), undefined);
      const draining = new AbortController();
      const held = results.wait(pending, 60_000, draining.signal);
      draining.abort();
      assert.equal((await held)?.state, 'pending');
      assert.equal((await results.wait(pending, 60_000, draining.signal))?.state, 'pending');
    });

    it('is not ended for its waiters by an error between retries', async (t) => {
      const results = await open(t);
      const jid = createJid();
      const held = results.wait(jid, 10_000);
      await results.put([threw(jid, 1)]);
      await results.put([succeeded(jid)]);
      assert.equal((await held)?.state, 'succeeded');
    });

    it('is not ended for its waiters by being scheduled', async (t) => {
      const results = await open(t);
      const jid = createJid();
      const scheduled: JobRecord = { job_id: jid, state: 'scheduled', at: '2030-01-01T00:00:00.000Z' };
      const held = results.wait(jid, 10_000);
      await results.put([scheduled]);
      assert.deepEqual(await results.wait(jid, 20), scheduled);
      await results.put([{ job_id: jid, state: 'expired' }]);
      assert.equal((await held)?.state, 'expired');
    });

    it('wakes 1,000 waiters by one put', async (t) => {
      const results = await open(t);
      const jids = Array.from({ length: 1000 }, () => createJid());
      const draining = new AbortController();
      const warnings: Error[] = [];
      const warn = (warning: Error): number => warnings.push(warning);
      process.on('warning', warn);
      t.after(() => process.off('warning', warn));
      const waits = Promise.all(jids.map((jid) => results.wait(jid, 10_000, draining.signal)));
      await results.put(jids.map((jid, index) => succeeded(jid, index)));
      assert.deepEqual(
        (await waits).map((record) => record?.result),
        jids.map((_, index) => index),
      );
      assert.deepEqual(warnings, []);
    });
  });
}
