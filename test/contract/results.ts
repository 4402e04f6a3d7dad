// What every ResultStore keeps to, whatever it is made of.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createJid } from '../../src/domain/jid.ts';
import type { JobRecord, KnownJob, ResultStore } from '../../src/domain/results.ts';

/** Opens an empty store, which ends with the test. */
export type OpenResults = (t: TestContext) => Promise<ResultStore>;

/** Jobs of which nothing is known but the id. */
export const idsOf = (...jids: readonly string[]): KnownJob[] => jids.map((jid) => ({ jid, record: undefined }));

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

const scheduled = (jid: string): JobRecord => ({
  job_id: jid,
  state: 'scheduled',
  operation: 'resize',
  request_id: 'r-1',
  at: '2999-01-01T00:00:00.000Z',
});

const begun = (jid: string): JobRecord => ({ job_id: jid, state: 'pending', started_at: '2026-01-02T03:04:05.678Z' });
const cancelled = (jid: string): JobRecord => ({ job_id: jid, state: 'cancelled' });
const deep = '['.repeat(900) + ']'.repeat(900);

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
      results.remember(idsOf(...jids));
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
      results.remember(idsOf(jid));
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
      results.remember(idsOf(known));
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
      results.remember(idsOf(pending));
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

    it('hands back results of any JSON, large ones too, and never takes their text for a state', async (t) => {
      const results = await open(t);
      const inner = { job_id: 'x', state: 'pending', error: 'no' };
      const values = [
        null,
        false,
        0,
        '',
        [],
        {},
        inner,
        [inner],
        'y'.repeat(64 * 1024),
        JSON.parse(deep),
        { '': [1.5] },
      ];
      const ended = values.map((result): JobRecord => ({ job_id: createJid(), state: 'succeeded', result }));
      await results.put(ended);
      for (const record of ended) {
        const jid = record.job_id;
        await results.put([threw(jid, 1)]);
        assert.equal(await results.cancel(cancelled(jid)), false);
        assert.deepEqual(await results.get(jid), record);
      }
    });

    it('remembers what is known of a job when it is enqueued, beside ids, and replaces nothing by it', async (t) => {
      const results = await open(t);
      const [plain, foreign, later, ended] = [createJid(), createJid(), createJid(), createJid()];
      const untracked: JobRecord = { job_id: foreign, state: 'pending', tracked: false };
      await results.put([succeeded(ended)]);
      results.remember([
        { jid: foreign, record: untracked },
        ...idsOf(plain),
        { jid: later, record: scheduled(later) },
        { jid: ended, record: scheduled(ended) },
      ]);
      assert.deepEqual(await results.get(foreign), untracked);
      assert.deepEqual(await results.get(plain), { job_id: plain, state: 'pending' });
      assert.deepEqual(await results.get(later), scheduled(later));
      // After what was remembered before.
      await results.put([threw(later, 1)]);
      assert.deepEqual(await results.get(foreign), untracked);
      assert.deepEqual(await results.get(later), threw(later, 1));
      assert.deepEqual(await results.get(ended), succeeded(ended));
    });

    it('knows a scheduled job as pending when its time has come', async (t) => {
      const results = await open(t);
      const jid = createJid();
      const record: JobRecord = { job_id: jid, state: 'scheduled', at: new Date(Date.now() - 1).toISOString() };
      results.remember([{ jid, record }]);
      assert.deepEqual(await results.get(jid), { ...record, state: 'pending' });
    });

    it('cancels a job that waits, before its first attempt or between two, and wakes its waiters', async (t) => {
      const results = await open(t);
      const [later, retried] = [createJid(), createJid()];
      results.remember([{ jid: later, record: scheduled(later) }]);
      await results.put([threw(retried, 1)]);
      const waits = [later, retried].map((jid) => results.wait(jid, 10_000));
      // Its first looks are answered before.
      await Promise.all([later, retried].map((jid) => results.get(jid)));
      for (const [index, jid] of [later, retried].entries()) {
        assert.equal(await results.cancel(cancelled(jid)), true);
        assert.deepEqual(await waits[index], cancelled(jid));
        assert.equal(await results.cancel(cancelled(jid)), false);
        await results.put([begun(jid)]);
        assert.deepEqual(await results.get(jid), cancelled(jid));
      }
    });

    it('does not cancel a job that has begun or ended, that may be in a queue, or that it does not know', async (t) => {
      const results = await open(t);
      const jids = Array.from({ length: 4 }, () => createJid());
      const [running, ended, queued, unknown] = jids as [string, string, string, string];
      await results.put([threw(running, 1)]);
      await results.put([begun(running), succeeded(ended)]);
      results.remember(idsOf(queued));
      for (const jid of jids) assert.equal(await results.cancel(cancelled(jid)), false);
      const states = await Promise.all(jids.map(async (jid) => (await results.get(jid))?.state));
      assert.deepEqual(states, ['pending', 'succeeded', 'pending', undefined]);
      assert.equal(await results.get(unknown), undefined);
    });

    it('lets a job either begin or be cancelled', async (t) => {
      const results = await open(t);
      for (let round = 0; round < 20; round++) {
        const jid = createJid();
        await results.put([scheduled(jid)]);
        const begin = (): Promise<void> => results.put([begun(jid)]);
        const cancel = (): Promise<boolean> => results.cancel(cancelled(jid));
        const isCancelled =
          round % 2 === 0 ? (await Promise.all([begin(), cancel()]))[1] : (await Promise.all([cancel(), begin()]))[0];
        assert.equal((await results.get(jid))?.state, isCancelled ? 'cancelled' : 'pending');
      }
    });

    it('keeps the latest progress, wakes nobody by it, and replaces no end', async (t) => {
      const results = await open(t);
      const jid = createJid();
      const held = results.wait(jid, 10_000);
      await results.put([{ ...begun(jid), progress: { percent: 10 } }]);
      await results.put([{ ...begun(jid), progress: { percent: 20.5, note: 'page 2' } }]);
      assert.deepEqual((await results.wait(jid, 20))?.progress, { percent: 20.5, note: 'page 2' });
      await results.put([succeeded(jid)]);
      await results.put([{ ...begun(jid), progress: { percent: 30 } }]);
      assert.deepEqual(await held, succeeded(jid));
      assert.deepEqual(await results.get(jid), succeeded(jid));
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
