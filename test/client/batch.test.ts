// Many jobs: how they are cut into requests, what is sent again, and the result of each.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EntryResult } from '../../src/client/batch.ts';
import { inTurn, networkError, problem, startScripted, type Script, type SentRequest } from './scripted-service.ts';

const entriesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ operation: 'add', args: { a: index, b: 1 } }));

interface SentEntry {
  args: { a: number };
  key?: string;
}

const sentEntries = ({ body }: SentRequest): SentEntry[] => (JSON.parse(body ?? '') as { jobs: SentEntry[] }).jobs;
const numbersOf = (request: SentRequest): number[] => sentEntries(request).map(({ args }) => args.a);
const idOf = ({ args: { a } }: SentEntry): string => `job-${a}`;

/** All of a request. */
const acceptAll: Script = (request) => {
  const ids = sentEntries(request).map(idOf);
  return { status: 202, body: { job_ids: ids, message: '', count: ids.length } };
};

type Told = Record<string, unknown>;

/** One result for each entry of a request. */
const tellEach =
  (status: number, tell: (entry: SentEntry, index: number) => Told, fields: object = {}): Script =>
  (request) => {
    const results = sentEntries(request).map((entry, index) => ({ index, ...tell(entry, index) }));
    return { status, body: { ...fields, results } };
  };

const enqueued = (entry: SentEntry): Told => ({ status: 'enqueued', job_id: idOf(entry) });
const failed: Told = { status: 'failed', code: 'broker_unavailable', detail: 'away' };
const rejected: Told = { status: 'rejected', code: 'validation_failed', detail: 'b must not be zero' };
const unknown = (entry: SentEntry): Told => ({
  ...{ status: 'unknown', job_id: idOf(entry), code: 'outcome_unknown', detail: 'lost' },
});

const scriptsInTurn = (...scripts: Script[]): Script => {
  let turn = 0;
  return (request) => (scripts[Math.min(turn++, scripts.length - 1)] as Script)(request);
};

const statusesOf = (results: readonly EntryResult[]): string[] => results.map(({ status }) => status);

describe('a batch', () => {
  it('goes out in requests that the service takes, each with a key of its own', async () => {
    const { client, sent, settled } = startScripted(acceptAll);
    const { jobIds, results } = await settled(client.enqueueBatch(entriesOf(2500)));
    assert.deepEqual(
      sent.map((request) => sentEntries(request).length),
      [1000, 1000, 500],
    );
    assert.equal(new Set(sent.map(({ headers }) => headers['idempotency-key'])).size, 3);
    assert.deepEqual(jobIds, entriesOf(2500).map(idOf));
    assert.deepEqual(results[1700], { index: 1700, status: 'enqueued', jobId: 'job-1700' });
  });

  it('is cut by bytes of UTF-8, too; an entry that is too large goes alone', async () => {
    const { client, sent, settled } = startScripted(acceptAll, { batchBytesMax: 300 });
    const large = { operation: 'add', args: { a: 3, b: 1, text: 'ä'.repeat(200) } };
    const [first, second, third, fourth] = entriesOf(4);
    await settled(client.enqueueBatch([first, second, third, large, fourth].map((entry) => entry ?? assert.fail())));
    const long = 'ä'.repeat(60);
    await settled(client.enqueueBatch([1, 2, 3].map((a) => ({ operation: 'add', args: { a, b: 1, long } }))));
    assert.deepEqual(sent.map(numbersOf), [[0, 1, 2], [3], [3], [1], [2], [3]]);
    for (const { body } of sent.filter((_, index) => index !== 1)) assert.ok(Buffer.byteLength(body ?? '') <= 300);
  });

  it('takes any iterable, and sends nothing when it is empty', async () => {
    const { client, sent, settled } = startScripted(acceptAll);
    assert.deepEqual(await settled(client.enqueueBatch([])), { jobIds: [], results: [] });
    assert.equal(sent.length, 0);
    const { jobIds } = await settled(client.enqueueBatch(new Set(entriesOf(2))));
    assert.deepEqual(jobIds, ['job-0', 'job-1']);
  });

  it('gives each entry its result, in the order of the input', async () => {
    const tell = (entry: SentEntry): Told => [enqueued(entry), rejected, unknown(entry)][entry.args.a % 3] ?? {};
    const { client, settled } = startScripted(tellEach(206, tell), { batchJobsMax: 2 });
    const entries: { operation: string; args: object }[] = entriesOf(3);
    entries.push({ operation: 'add', args: { a: 1n } });
    const { jobIds, results } = await settled(client.enqueueBatch(entries));
    assert.deepEqual(statusesOf(results), ['enqueued', 'rejected', 'unknown', 'rejected']);
    assert.deepEqual(jobIds, ['job-0']);
    const lost = { index: 2, status: 'unknown', jobId: 'job-2', code: 'outcome_unknown', detail: 'lost' };
    assert.deepEqual(results[2], lost);
    assert.match((results[3] as { detail: string }).detail, /cannot be written as JSON/);
  });

  it('tells what was scheduled, replayed, or an earlier job', async () => {
    const at = '2126-12-01T08:00:00.000Z';
    const tell = (entry: SentEntry): Told => ({
      ...enqueued(entry),
      ...[{ at }, { replayed: true }, { duplicate: true }][entry.args.a],
    });
    const { client, settled } = startScripted(tellEach(202, tell));
    const { results } = await settled(client.enqueueBatch(entriesOf(3)));
    assert.deepEqual(results, [
      { index: 0, status: 'enqueued', jobId: 'job-0', at },
      { index: 1, status: 'enqueued', jobId: 'job-1', replayed: true },
      { index: 2, status: 'enqueued', jobId: 'job-2', duplicate: true },
    ]);
  });
});

describe('the limits of a request', () => {
  it('are learned from the response that refuses a batch', async () => {
    const { client, sent, settled } = startScripted((request) =>
      sentEntries(request).length > 10 ? problem(413, 'too_many_jobs', { limit_jobs: 10 }) : acceptAll(request),
    );
    assert.equal((await settled(client.enqueueBatch(entriesOf(25)))).jobIds.length, 25);
    await settled(client.enqueueBatch(entriesOf(15)));
    assert.deepEqual(
      sent.map((request) => numbersOf(request).length),
      [25, 10, 10, 5, 10, 5],
    );
  });

  it('are learned in bytes, and halved where something in between does not name them', async () => {
    for (const fields of [{ limit_bytes: 400 }, {}]) {
      const { client, sent, settled } = startScripted((request) =>
        Buffer.byteLength(request.body ?? '') > 400 ? problem(413, 'body_too_large', fields) : acceptAll(request),
      );
      assert.equal((await settled(client.enqueueBatch(entriesOf(20)))).jobIds.length, 20);
      assert.ok(sent.length < 12, `${sent.length} requests`);
    }
  });

  it('reject an entry that no request can hold, and no other', async () => {
    const { client, settled } = startScripted((request) =>
      (request.body ?? '').length > 400 ? problem(413, 'body_too_large', { limit_bytes: 400 }) : acceptAll(request),
    );
    const large = { operation: 'add', args: { a: 1, b: 1, text: 'x'.repeat(400) } };
    const { results } = await settled(client.enqueueBatch([...entriesOf(1), large, ...entriesOf(1)]));
    assert.deepEqual(statusesOf(results), ['enqueued', 'rejected', 'enqueued']);
  });

  it('are not learned from the repetition of what may be stored', async () => {
    const script = inTurn(networkError('ECONNRESET', 'read'), problem(413, 'too_many_jobs', { limit_jobs: 1 }));
    const { client, sent, settled } = startScripted(script);
    const { results } = await settled(client.enqueueBatch(entriesOf(2)));
    assert.deepEqual([statusesOf(results), sent.length], [['unknown', 'unknown'], 2]);
  });
});

describe('entries that failed', () => {
  it('are sent again without those that are stored, with another key', async () => {
    const partly = tellEach(206, (entry) => (entry.args.a % 2 === 0 ? enqueued(entry) : failed));
    const { client, sent, settled } = startScripted(scriptsInTurn(partly, acceptAll));
    const { jobIds } = await settled(client.enqueueBatch(entriesOf(4)));
    assert.deepEqual(jobIds, ['job-0', 'job-1', 'job-2', 'job-3']);
    assert.deepEqual(sent.map(numbersOf), [
      [0, 1, 2, 3],
      [1, 3],
    ]);
    assert.notEqual(sent[0]?.headers['idempotency-key'], sent[1]?.headers['idempotency-key']);
    assert.ok((sent[1]?.atMs ?? 0) > 0, 'after a pause');
  });

  it('stay failed at the deadline', async () => {
    const { client, settled, clock } = startScripted(
      tellEach(206, (entry) => (entry.args.a === 0 ? enqueued(entry) : failed)),
      { timeoutMs: 2000 },
    );
    const { results } = await settled(client.enqueueBatch(entriesOf(2)));
    assert.deepEqual(statusesOf(results), ['enqueued', 'failed']);
    assert.ok(clock.now() <= 3100);
  });

  it('stay failed where too little time is left for a response: sent again they would be unknown', async () => {
    const partly = tellEach(206, (entry) => (entry.args.a % 2 === 0 ? enqueued(entry) : failed));
    for (let timeoutMs = 100; timeoutMs <= 240; timeoutMs += 20) {
      const late = (request: SentRequest) => Object.assign(acceptAll(request), { afterMs: 40 });
      const { client, settled } = startScripted(scriptsInTurn(partly, late), { timeoutMs });
      const { results } = await settled(client.enqueueBatch(entriesOf(2)));
      assert.equal(results[1]?.status, timeoutMs < 160 ? 'failed' : 'enqueued', `${timeoutMs} ms`);
    }
  });

  it('are never sent twice when their repetition is too large for the service', async () => {
    const partly = tellEach(206, (entry) => (entry.args.a === 0 ? enqueued(entry) : failed));
    const tooMany: Script = () => problem(413, 'too_many_jobs', { limit_jobs: 1 });
    const { client, sent, settled } = startScripted(scriptsInTurn(partly, tooMany, acceptAll));
    await settled(client.enqueueBatch(entriesOf(3)));
    assert.equal(sent.flatMap(numbersOf).filter((a) => a === 0).length, 1);
  });
});

describe('a request that fails as a whole', () => {
  it('is a value for each of its entries, and ends the batch', async () => {
    const responses: [Script, string, string][] = [
      [() => problem(503, 'overloaded'), 'failed', 'overloaded'],
      [() => problem(401, 'unauthorized'), 'rejected', 'unauthorized'],
      [() => problem(504, 'outcome_unknown'), 'unknown', 'outcome_unknown'],
    ];
    for (const [script, status, code] of responses) {
      const { client, sent, settled } = startScripted(scriptsInTurn(acceptAll, script), { batchJobsMax: 2 });
      const { results } = await settled(client.enqueueBatch(entriesOf(6)));
      assert.deepEqual(statusesOf(results), ['enqueued', 'enqueued', status, status, 'failed', 'failed']);
      assert.equal((results[2] as { code: string }).code, code);
      assert.equal((results[5] as { code: string }).code, 'not_sent');
      assert.ok(sent.every((request) => !numbersOf(request).includes(5)));
    }
  });

  it('does not end the batch when its entries are all wrong', async () => {
    const allWrong = tellEach(422, () => rejected, { code: 'validation_failed', outcome: 'not_enqueued' });
    const { client, settled } = startScripted(scriptsInTurn(allWrong, acceptAll), { batchJobsMax: 2 });
    const { results } = await settled(client.enqueueBatch(entriesOf(4)));
    assert.deepEqual(statusesOf(results), ['rejected', 'rejected', 'enqueued', 'enqueued']);
    assert.equal((results[0] as { detail: string }).detail, 'b must not be zero');
  });

  it('tells of each entry as the service did; what failed may be stored by an attempt before', async () => {
    const outcomes = [rejected, failed];
    const lost = tellEach(504, (entry, index) => outcomes[index] ?? unknown(entry), {
      ...{ code: 'outcome_unknown', outcome: 'unknown', detail: 'lost' },
    });
    const keyless: Script = () => problem(501, 'keys_not_kept');
    const once = startScripted(scriptsInTurn(keyless, lost));
    assert.deepEqual(statusesOf((await once.settled(once.client.enqueueBatch(entriesOf(3)))).results), [
      ...['rejected', 'failed', 'unknown'],
    ]);
    const without: Script = () => problem(504, 'outcome_unknown', { job_ids: ['job-2'] });
    const repeated = startScripted(scriptsInTurn(lost, without), { timeoutMs: 3000 });
    const { results } = await repeated.settled(repeated.client.enqueueBatch(entriesOf(3)));
    assert.deepEqual(statusesOf(results), ['rejected', 'unknown', 'unknown']);
    assert.equal((results[2] as { jobId: string }).jobId, 'job-2');
  });

  it('is unknown when the response has not one result for each entry', async () => {
    const { client, settled } = startScripted(() => ({ status: 202, body: { job_ids: ['job-0'] } }));
    const { results } = await settled(client.enqueueBatch(entriesOf(2)));
    assert.deepEqual(statusesOf(results), ['unknown', 'unknown']);
  });

  it('is a caller who gives up', async () => {
    const controller = new AbortController();
    const { client, settled, clock } = startScripted(() => ({ status: 202, afterMs: Infinity }), { batchJobsMax: 1 });
    clock.after(100, () => controller.abort());
    const { results } = await settled(client.enqueueBatch(entriesOf(2), { signal: controller.signal }));
    assert.deepEqual(statusesOf(results), ['unknown', 'failed']);
  });
});

describe('entries with keys of the caller', () => {
  const keyed = [{ operation: 'add', args: { a: 0, b: 1 }, key: 'mine' }, ...entriesOf(3).slice(1)];

  it('go without a key of the request, and the others get keys of their own', async () => {
    const { client, sent, settled } = startScripted(acceptAll);
    await settled(client.enqueueBatch(keyed));
    const [request = assert.fail()] = sent;
    assert.equal(request.headers['idempotency-key'], undefined);
    const [first, second, third] = sentEntries(request).map(({ key }) => key);
    assert.equal(first, 'mine');
    assert.ok(second && third && second !== third);
  });

  it('are sent again when they are unknown, in the same words, and stay so unless they are stored', async () => {
    const lost = tellEach(206, (entry) => (entry.args.a === 2 ? enqueued(entry) : unknown(entry)));
    const then = tellEach(206, (entry) => (entry.args.a === 0 ? enqueued(entry) : failed));
    const { client, sent, settled } = startScripted(scriptsInTurn(lost, then), { timeoutMs: 2000 });
    const { results } = await settled(client.enqueueBatch(keyed));
    assert.deepEqual(statusesOf(results), ['enqueued', 'unknown', 'enqueued']);
    const [first, second] = sent.map(sentEntries);
    assert.deepEqual(second, first?.slice(0, 2));
  });

  it('are not enqueued where no keys are kept', async () => {
    const { client, sent, settled } = startScripted(() => problem(501, 'keys_not_kept'));
    const { results } = await settled(client.enqueueBatch(keyed));
    assert.deepEqual([statusesOf(results), sent.length], [['failed', 'failed', 'failed'], 1]);
  });
});
