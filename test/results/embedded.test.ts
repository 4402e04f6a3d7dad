// The embedded store: the contract, and what it keeps through a new start and beyond its limits.
import assert from 'node:assert/strict';
import { readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ClassicLevel } from 'classic-level';
import { createJid } from '../../src/domain/jid.ts';
import type { JobRecord } from '../../src/domain/results.ts';
import { createEmbeddedResults } from '../../src/results/embedded.ts';
import { createGenerations } from '../../src/results/generations.ts';
import { idsOf, resultStoreContract, succeeded } from '../contract/results.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

/** The start of an hour: what is deleted, and when, goes by the hours of the clock. */
const startMs = Date.UTC(2100, 0, 1);

const limits = { ttlSeconds: 86_400, resultsMax: 1_000_000 };

const folder = (): string => temporaryFolder('results-');

const filesOf = (dataDir: string, name: RegExp): string[] =>
  statSync(dataDir).isFile() ? [] : readdirSync(dataDir).filter((file) => name.test(file));
const tablesOf = (dataDir: string): string[] => filesOf(dataDir, /^\d+\.(ldb|log)$/);
const pathOf = (dataDir: string, name: RegExp): string => join(dataDir, filesOf(dataDir, name)[0] ?? 'no such file');

const damages: Readonly<Record<string, (dataDir: string) => void>> = {
  'an empty CURRENT': (dataDir) => truncateSync(join(dataDir, 'CURRENT')),
  'no CURRENT': (dataDir) => rmSync(join(dataDir, 'CURRENT')),
  'an empty MANIFEST': (dataDir) => truncateSync(pathOf(dataDir, /^MANIFEST/)),
  'no MANIFEST': (dataDir) => rmSync(pathOf(dataDir, /^MANIFEST/)),
  'a table missing': (dataDir) => rmSync(pathOf(dataDir, /\.ldb$/)),
  'a file in its place': (dataDir) => {
    rmSync(dataDir, { recursive: true });
    writeFileSync(dataDir, '');
  },
};

resultStoreContract(
  'embedded',
  async (t) => {
    const results = await createEmbeddedResults({ dataDir: folder(), ...limits });
    t.after(() => results.close());
    return results;
  },
  false,
);

describe('the embedded result store', () => {
  it('has records and ids again after a new start', async (t) => {
    const dataDir = folder();
    const [ended, pending] = [createJid(), createJid()];
    const first = await createEmbeddedResults({ dataDir, ...limits });
    first.remember(idsOf(ended, pending));
    await first.put([succeeded(ended)]);
    await first.close();
    const second = await createEmbeddedResults({ dataDir, ...limits });
    t.after(() => second.close());
    assert.deepEqual(await second.get(ended), succeeded(ended));
    assert.equal((await second.get(pending))?.state, 'pending');
  });

  it('knows each of many ids that begin alike, and no other id', async (t) => {
    const dataDir = folder();
    // Eight ids for each millisecond, over the ends of some 16 ms, in two groups.
    const jids = Array.from({ length: 800 }, (_, index) => createJid(startMs + Math.floor(index / 8)));
    const short = (jids[0] as string).slice(0, 8);
    let results = await createEmbeddedResults({ dataDir, ...limits });
    results.remember(idsOf(...jids.slice(0, 500), short));
    await results.put([]);
    results.remember(idsOf(...jids.slice(500)));
    await results.close();
    results = await createEmbeddedResults({ dataDir, ...limits });
    t.after(() => results.close());
    const stateOf = async (jid: string): Promise<string | undefined> => (await results.get(jid))?.state;
    for (const jid of [...jids, short]) assert.equal(await stateOf(jid), 'pending', jid);
    for (const other of [createJid(startMs + 5), jids[3]?.slice(0, -1), jids[3]?.slice(0, 12), `${jids[3]}0`])
      assert.equal(await stateOf(other as string), undefined, other);
  });

  it('keeps the latest RESULTS_MAX jobs, and few beyond them, through a new start', async () => {
    const dataDir = folder();
    const resultsMax = 1000;
    const jids = Array.from({ length: 3000 }, () => createJid());
    let results = await createEmbeddedResults({ dataDir, ttlSeconds: 86_400, resultsMax });
    for (let start = 0; start < jids.length; start += 50) {
      if (start === 1500) {
        await results.close();
        results = await createEmbeddedResults({ dataDir, ttlSeconds: 86_400, resultsMax });
      }
      const some = jids.slice(start, start + 50);
      results.remember(idsOf(...some));
      await results.put(some.map((jid) => succeeded(jid)));
    }
    const found = await Promise.all(jids.map((jid) => results.get(jid)));
    await results.close();
    assert.ok(found.slice(-resultsMax).every((record) => record?.state === 'succeeded'));
    assert.ok(found.slice(0, -1.25 * resultsMax).every((record) => record === undefined));
  });

  it('forgets records and ids when their time is up, not before', async (t) => {
    let nowMs = startMs;
    const results = await createEmbeddedResults({
      dataDir: folder(),
      ttlSeconds: 10,
      resultsMax: 1000,
      now: () => nowMs,
    });
    t.after(() => results.close());
    const [ended, pending] = [createJid(), createJid()];
    results.remember(idsOf(pending));
    await results.put([succeeded(ended)]);
    nowMs += 9999;
    assert.equal((await results.get(ended))?.state, 'succeeded');
    assert.equal((await results.get(pending))?.state, 'pending');
    nowMs += 1;
    assert.equal(await results.get(ended), undefined);
    assert.equal(await results.get(pending), undefined);
  });

  it('knows jobs until their time and the time to live are over, whatever else it forgets', async (t) => {
    const dataDir = folder();
    let nowMs = startMs;
    const options = { dataDir, ttlSeconds: 3600, resultsMax: 1000, now: () => nowMs };
    let results = await createEmbeddedResults(options);
    const [later, retried, cancelled] = [createJid(), createJid(), createJid()];
    const day = 86_400_000;
    const at = new Date(startMs + 300 * day).toISOString();
    const scheduled = (jid: string): JobRecord => ({ job_id: jid, state: 'scheduled', at });
    results.remember([later, cancelled].map((jid) => ({ jid, record: scheduled(jid) })));
    // The next attempt is up to 20^4 s away.
    const failing: JobRecord = { job_id: retried, state: 'pending', error: 'no', attempts: 21 };
    await results.put([failing]);
    assert.equal(await results.cancel({ job_id: cancelled, state: 'cancelled' }), true);
    for (let start = 0; start < 3000; start += 500)
      await results.put(Array.from({ length: 500 }, () => succeeded(createJid())));
    nowMs += 2 * 3_600_000;
    assert.deepEqual(await results.get(retried), failing);
    assert.equal(await results.get(cancelled), undefined);
    await results.close();
    results = await createEmbeddedResults(options);
    t.after(() => results.close());
    nowMs = startMs + 300 * day - 1;
    assert.deepEqual(await results.get(later), scheduled(later));
    assert.equal(await results.get(retried), undefined);
    nowMs += 3_600_000;
    assert.deepEqual(await results.get(later), { ...scheduled(later), state: 'pending' });
    nowMs += 1;
    assert.equal(await results.get(later), undefined);
  });

  for (const [what, fromMs] of [
    ['the start', startMs],
    ['the last second', startMs + 3_599_000],
  ] as const) {
    it(`deletes what is over, and not what was put again meanwhile: from ${what} of an hour on`, async (t) => {
      const dataDir = folder();
      let nowMs = fromMs;
      const results = await createEmbeddedResults({ dataDir, ttlSeconds: 1, resultsMax: 1000, now: () => nowMs });
      const jids = Array.from({ length: 5000 }, () => createJid());
      const failing = (jid: string): JobRecord => ({ job_id: jid, state: 'pending', error: 'no', attempts: 1 });
      await results.put(jids.map(failing));
      // What ends within an hour is looked for in the hour after the next.
      nowMs += 3 * 3_600_000;
      await results.put(jids.slice(0, 10).map(failing));
      // Some are deleted with each group.
      for (let group = 0; group < 3; group++) await results.check();
      await results.close();
      const db = new ClassicLevel(dataDir);
      t.after(() => db.close());
      const kept = await db.keys({ gte: 'j', lt: 'k' }).all();
      assert.deepEqual(
        kept.sort(),
        jids
          .slice(0, 10)
          .map((jid) => `j${jid}`)
          .sort(),
      );
      assert.equal((await db.keys({ gte: 'x', lt: 'y' }).all()).length, 10);
    });
  }

  it('forgets a job that expired after a failed attempt with the record of its end', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: startMs });
    const results = await createEmbeddedResults({ dataDir: folder(), ...limits });
    t.after(() => results.close());
    const jid = createJid();
    await results.put([{ job_id: jid, state: 'pending', started_at: new Date(startMs).toISOString(), attempts: 2 }]);
    await results.put([{ job_id: jid, state: 'expired', attempts: 1 }]);
    assert.equal((await results.get(jid))?.state, 'expired');
    t.mock.timers.setTime(startMs + limits.ttlSeconds * 1000 + 1);
    assert.equal(await results.get(jid), undefined);
  });

  it('does not count what the disk refused among the jobs that it keeps', async (t) => {
    const dataDir = folder();
    const few = { ttlSeconds: 86_400, resultsMax: 16 };
    const results = await createEmbeddedResults({ dataDir, ...few });
    t.after(() => results.close());
    const kept = createJid();
    await results.put([succeeded(kept)]);
    const batches = t.mock.method(ClassicLevel.prototype, 'batch', () => ({
      put: () => undefined,
      write: () => Promise.reject(new Error('IO error: No space left on device')),
    }));
    for (let round = 0; round < 64; round++)
      await assert.rejects(results.put([succeeded(createJid())]), /No space left/);
    batches.mock.restore();
    await results.check();
    await results.put([succeeded(createJid())]);
    assert.deepEqual(await results.get(kept), succeeded(kept));
  });

  it('takes writes again after the disk refused a write, and has not lost an id', async (t) => {
    const results = await createEmbeddedResults({ dataDir: folder(), ...limits });
    t.after(() => results.close());
    const batches = t.mock.method(ClassicLevel.prototype, 'batch', () => ({
      put: () => undefined,
      write: () => Promise.reject(new Error('IO error: No space left on device')),
    }));
    const [remembered, later, ended] = [createJid(), createJid(), createJid()];
    const scheduled: JobRecord = { job_id: later, state: 'scheduled', at: '2999-01-01T00:00:00.000Z' };
    results.remember([...idsOf(remembered), { jid: later, record: scheduled }]);
    await assert.rejects(results.put([succeeded(ended)]), /No space left/);
    await assert.rejects(results.check(), /No space left/);
    assert.equal((await results.get(remembered))?.state, 'pending');
    assert.deepEqual(await results.get(later), scheduled);
    batches.mock.restore();
    const opened = t.mock.method(ClassicLevel.prototype, 'open');
    await results.check();
    await results.put([succeeded(ended)]);
    assert.ok(opened.mock.callCount() > 0, 'the database was not opened again');
    assert.deepEqual(await results.get(ended), succeeded(ended));
    assert.equal((await results.get(remembered))?.state, 'pending');
    assert.equal(await results.cancel({ job_id: later, state: 'cancelled' }), true);
  });

  it('refuses a folder that another one has open, and names it', async (t) => {
    const dataDir = folder();
    const first = await createEmbeddedResults({ dataDir, ...limits });
    t.after(() => first.close());
    await assert.rejects(createEmbeddedResults({ dataDir, ...limits }), new RegExp(`${dataDir} is in use by another`));
  });

  for (const [damage, apply] of Object.entries(damages)) {
    it(`refuses a folder with ${damage}: it names the folder and what to do, and leaves the files alone`, async () => {
      const dataDir = join(folder(), 'results');
      // Opened twice, so that there are tables and a log.
      for (let round = 0; round < 2; round++) {
        const results = await createEmbeddedResults({ dataDir, ...limits });
        await results.put([succeeded(createJid())]);
        await results.close();
      }
      apply(dataDir);
      const before = tablesOf(dataDir);
      await assert.rejects(createEmbeddedResults({ dataDir, ...limits }), ({ message }: Error) => {
        assert.match(message, new RegExp(`^the results database ${dataDir} cannot be opened: `));
        assert.match(message, /move it away/);
        return true;
      });
      assert.deepEqual(tablesOf(dataDir), before);
    });
  }

  it('knows a held id as pending while its database is closed', async (t) => {
    const results = await createEmbeddedResults({ dataDir: folder(), ...limits });
    t.after(() => results.close());
    const jid = createJid();
    results.remember(idsOf(jid));
    t.mock.method(ClassicLevel.prototype, 'getMany', () => Promise.reject(new Error('Database is not open')));
    assert.equal((await results.get(jid))?.state, 'pending');
    await assert.rejects(results.get(createJid()));
  });
});

describe('generations', () => {
  it('are few, and given up as a whole by count or by age', () => {
    const generations = createGenerations({ kept: [], ttlMs: 8000, jobsMax: 800 });
    for (let entry = 0; entry < 9950; entry++) {
      generations.current(0).entries++;
      generations.takeOld(0);
      assert.ok(generations.newestFirst.length <= 10);
    }
    const kept = generations.newestFirst.reduce((sum, { entries }) => sum + entries, 0);
    assert.ok(kept >= 1600 && kept <= 1800, `${kept} entries are kept`);
    const newest = generations.newestFirst[0];
    assert.equal(generations.current(999), newest);
    assert.notEqual(generations.current(1000), newest);
    // Its last entry may be as young as its successor.
    generations.takeOld(8999);
    assert.ok(newest && generations.newestFirst.includes(newest));
    generations.takeOld(9000);
    assert.equal(generations.newestFirst.length, 1);
  });
});
