// DELETE /jobs/{job_id}: what may be called cancelled, by what is known of the job and by what the broker can tell.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RemovalError } from '../../../src/domain/job-remover.ts';
import type { JobRemover } from '../../../src/domain/job-remover.ts';
import type { JobRecord } from '../../../src/domain/results.ts';
import { idsOf } from '../../contract/results.ts';
import { build } from '../../helpers/app.ts';
import { createRecordingResults } from '../recording-results.ts';

const jid = '01990000-0000-7000-8000-000000000001';
const path = `/jobs/${jid}`;
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const about = { job_id: jid, operation: 'resize', request_id: 'r-1' };
const farAway: JobRecord = { ...about, state: 'scheduled', at: inMs(3_600_000) };
const retried: JobRecord = { ...about, state: 'pending', error: 'no', attempts: 1 };
const begun: JobRecord = { ...about, state: 'pending', started_at: inMs(0) };
const foreign = { tracked: false } as const;

type Remove = JobRemover['remove'];

interface RecordingRemover extends JobRemover {
  readonly removed: string[];
}

function createRemover(tells: boolean, remove: Remove = async () => tells): RecordingRemover {
  const removed: string[] = [];
  return {
    tells,
    removed,
    remove(one) {
      removed.push(one);
      return remove(one);
    },
    close: async () => undefined,
  };
}

const unknownOutcome: Remove = () => Promise.reject(new RemovalError('unknown'));

interface Case {
  title: string;
  record: JobRecord;
  tells: boolean;
  remove?: Remove;
  status: number;
  state: string;
  /** How often the broker was asked. */
  removals: number;
}

const cases: readonly Case[] = [
  { title: 'scheduled', record: farAway, tells: true, status: 200, state: 'cancelled', removals: 1 },
  { title: 'scheduled', record: farAway, tells: false, status: 200, state: 'cancelled', removals: 1 },
  { title: 'between two attempts', record: retried, tells: true, status: 200, state: 'cancelled', removals: 1 },
  { title: 'between two attempts', record: retried, tells: false, status: 200, state: 'cancelled', removals: 1 },
  {
    ...{ title: 'scheduled, and the broker gives no reply: no worker runs it', record: farAway, tells: false },
    ...{ remove: unknownOutcome, status: 200, state: 'cancelled', removals: 1 },
  },
  {
    ...{ title: 'begun or queued, and the broker had it', record: begun, tells: true },
    ...{ status: 200, state: 'cancelled', removals: 1 },
  },
  {
    ...{ title: 'begun or queued, and the broker had it not', record: begun, tells: true, remove: async () => false },
    ...{ status: 409, state: 'pending', removals: 1 },
  },
  {
    ...{ title: 'begun or queued, and the broker gives no reply', record: begun, tells: true, remove: unknownOutcome },
    ...{ status: 504, state: 'pending', removals: 1 },
  },
  // A removal that nobody tells of would leave a job that is pending for ever.
  { title: 'begun or queued', record: begun, tells: false, status: 409, state: 'pending', removals: 0 },
  {
    ...{ title: "other people's, scheduled much later", record: { ...farAway, ...foreign }, tells: false },
    ...{ status: 200, state: 'cancelled', removals: 1 },
  },
  {
    ...{ title: "other people's, scheduled, no reply", record: { ...farAway, ...foreign }, tells: false },
    ...{ remove: unknownOutcome, status: 504, state: 'scheduled', removals: 1 },
  },
  {
    ...{ title: "other people's, due soon", record: { ...farAway, ...foreign, at: inMs(5000) }, tells: false },
    ...{ status: 409, state: 'scheduled', removals: 0 },
  },
  {
    ...{
      title: "other people's, scheduled, and the broker had it not",
      record: { ...farAway, ...foreign },
      tells: true,
    },
    ...{ remove: async () => false, status: 409, state: 'scheduled', removals: 1 },
  },
  {
    ...{
      title: "other people's, and the broker had it",
      record: { ...about, state: 'pending', ...foreign },
      tells: true,
    },
    ...{ status: 200, state: 'cancelled', removals: 1 },
  },
];

describe('DELETE /jobs/{job_id}', () => {
  for (const { title, record, tells, remove, status, state, removals } of cases) {
    it(`answers ${status} to a job that is ${title}; a broker that ${tells ? 'tells' : 'does not tell'}`, async (t) => {
      const results = createRecordingResults();
      const remover = createRemover(tells, remove);
      const { del, get } = build(t, { results, remover });
      await results.put([record]);
      const response = await del(path);
      assert.equal(response.statusCode, status, response.payload);
      if (status === 200) assert.deepEqual(response.json(), { job_id: jid, state: 'cancelled' });
      if (status === 409) assert.equal(response.json().code, 'not_cancellable');
      assert.equal((await get(path)).json().state, state);
      assert.deepEqual(
        remover.removed,
        Array.from({ length: removals }, () => jid),
      );
    });
  }

  it('keeps what is known of the job, and wakes who waits for it', async (t) => {
    const results = createRecordingResults();
    const { del, get } = build(t, { results, remover: createRemover(false) });
    await results.put([farAway]);
    const held = get(`${path}?wait=30`);
    await results.untilWaiting(1);
    await del(path);
    const { finished_at, ...record } = (await held).json<JobRecord>();
    assert.deepEqual(record, { ...farAway, state: 'cancelled' });
    assert.ok(Math.abs(Date.parse(finished_at ?? '') - Date.now()) < 10_000);
  });

  it('answers 409 to a second one, and to a job that a worker has begun since it was read', async (t) => {
    const results = createRecordingResults();
    const { del } = build(t, { results: { ...results, cancel: async () => false }, remover: createRemover(false) });
    await results.put([retried]);
    assert.equal((await del(path)).statusCode, 409);
    const other = build(t, { results, remover: createRemover(false) });
    assert.equal((await other.del(path)).statusCode, 200);
    assert.equal((await other.del(path)).statusCode, 409);
  });

  it('cancels a queued job of which only the id is known', async (t) => {
    const results = createRecordingResults();
    const { del, get } = build(t, { results, remover: createRemover(true) });
    results.remember(idsOf(jid));
    assert.equal((await del(path)).statusCode, 200);
    assert.equal((await get(path)).json().state, 'cancelled');
  });

  it('answers 503 when the store does not answer, and asks the broker for nothing', async (t) => {
    const results = createRecordingResults();
    const remover = createRemover(true);
    const { del } = build(t, { results, remover });
    results.breakWith(new Error('store is down'));
    const response = await del(path);
    assert.deepEqual([response.statusCode, response.json().code], [503, 'results_unavailable']);
    assert.deepEqual(remover.removed, []);
  });

  it('answers 503 to the 501st at once', async (t) => {
    const results = createRecordingResults();
    let finish: (isRemoved: boolean) => void = () => undefined;
    const removing = new Promise<boolean>((resolve) => (finish = resolve));
    const { del } = build(t, { results, remover: createRemover(true, () => removing) });
    results.remember(idsOf(jid));
    const responses = Array.from({ length: 501 }, () => del(path));
    assert.equal((await Promise.race(responses)).json().code, 'overloaded');
    finish(true);
    assert.equal((await Promise.all(responses)).filter(({ statusCode }) => statusCode === 200).length, 500);
  });

  it('wants an API key where POST does, and is no way to delete an operation', async (t) => {
    const results = createRecordingResults();
    const { del } = build(t, { results, apiKeys: ['key-of-16-bytes!'] });
    assert.equal((await del(path)).statusCode, 401);
    const headers = { authorization: 'Bearer key-of-16-bytes!' };
    assert.equal((await del(path, headers)).statusCode, 404);
    const response = await del('/jobs/multiply', headers);
    assert.deepEqual([response.statusCode, response.headers.allow], [405, 'POST']);
  });

  it('takes a body without fields, and no other', async (t) => {
    const results = createRecordingResults();
    const { app } = build(t, { results, remover: createRemover(true) });
    results.remember(idsOf(jid));
    const headers = { 'content-type': 'application/json' };
    for (const [payload, expected] of [
      ['{"force":true}', 422],
      ['[]', 422],
      ['null', 422],
      ['{}', 200],
    ] as const) {
      const { statusCode } = await app.inject({ method: 'DELETE', url: path, headers, payload });
      assert.equal(statusCode, expected, payload);
    }
  });
});
