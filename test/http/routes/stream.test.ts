// POST /jobs/stream over real connections: what is reported, in which order, and how a stream ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { refused, unknown, type Outcome } from '../../../src/domain/producer.ts';
import { build, connectRaw } from '../../helpers/app.ts';
import { openKeys } from '../../helpers/key-store.ts';
import { openStream, postStream, type ReportLine } from '../../helpers/stream-caller.ts';
import { until } from '../../helpers/until.ts';

const add = (a: number): string => `{"operation":"add","a":${a},"b":1}\n`;
const adds = (count: number): string => Array.from({ length: count }, (_, a) => add(a)).join('');
const whole = { rejected: 0, failed: 0, unknown: 0, completed: true };
const summaryOf = (lines: readonly ReportLine[]): unknown => lines.at(-1)?.summary;

describe('POST /jobs/stream', () => {
  it('reports each line in order, with the id that the broker got, and sums up', async (t) => {
    const { listen, producer } = build(t);
    const { status, lines, headers } = await postStream(await listen(), adds(1234));
    assert.deepEqual([status, headers.get('content-type')], [200, 'application/x-ndjson']);
    assert.deepEqual([headers.get('x-accel-buffering'), headers.get('cache-control')], ['no', 'no-store']);
    assert.ok(headers.get('x-request-id'));
    assert.deepEqual(
      lines.slice(0, -1),
      producer.jobs.map(({ jid }, index) => ({ line: index + 1, status: 'enqueued', job_id: jid })),
    );
    assert.deepEqual(lines.at(-1), { summary: { lines: 1234, enqueued: 1234, ...whole } });
    assert.ok(producer.calls.every(({ jobs }) => jobs.length <= 100));
  });

  it('reports in the order of the lines although outcomes come in another', async (t) => {
    const { listen, producer } = build(t);
    const url = await listen();
    let first = (): void => undefined;
    const { pushBulk } = producer;
    const held = new Promise<void>((resolve) => (first = resolve));
    producer.pushBulk = async (jobs, deadlineMs) => {
      const isFirst = producer.calls.length === 0;
      const outcomes = await pushBulk.call(producer, jobs, deadlineMs);
      if (isFirst) await held;
      else first();
      return outcomes;
    };
    const { lines } = await postStream(url, adds(150));
    assert.deepEqual(
      lines.slice(0, -1).map(({ line }) => line),
      Array.from({ length: 150 }, (_, index) => index + 1),
    );
  });

  it('answers a line while the next one has not been sent', async (t) => {
    const { listen } = build(t);
    const stream = await openStream(t, await listen());
    for (let line = 1; line <= 3; line++) {
      stream.write(add(line));
      assert.equal((await stream.next())?.line, line);
    }
    stream.end();
    assert.deepEqual(await stream.rest(), [{ summary: { lines: 3, enqueued: 3, ...whole } }]);
  });

  it('rejects what is no job, and goes on; empty lines count in the numbers only', async (t) => {
    const { listen, producer } = build(t);
    const body = `\uFEFF${add(1)}\r\n \nnope\n{"operation":"pow"}\n{"__proto__":1}\n{"operation":"divide","a":1,"b":0}\r\n[]\n${add(9).trim()}`;
    const { lines } = await postStream(await listen(), body);
    assert.deepEqual(
      lines.slice(0, -1).map(({ line, status, code, detail }) => [line, status, code, detail]),
      [
        [1, 'enqueued', undefined, undefined],
        [4, 'rejected', 'malformed_json', 'The line is not JSON, or it holds a key like __proto__'],
        [5, 'rejected', 'unknown_operation', 'Unknown operation: pow'],
        [6, 'rejected', 'malformed_json', 'The line is not JSON, or it holds a key like __proto__'],
        [7, 'rejected', 'validation_failed', 'b must not be zero'],
        [8, 'rejected', 'validation_failed', 'must be an object'],
        [9, 'enqueued', undefined, undefined],
      ],
    );
    assert.deepEqual(summaryOf(lines), { lines: 7, enqueued: 2, ...whole, rejected: 5 });
    assert.equal(producer.jobs.length, 2);
  });

  it('reports what is asked for: all lines, those that are not enqueued, none', async (t) => {
    const { listen, producer } = build(t);
    const url = await listen();
    const outcomes: Outcome[] = [{ kind: 'enqueued' }, refused('broker_refused', 'OOM'), unknown('lost')];
    producer.decide((_job, index) => outcomes[index] as Outcome);
    const errors = await postStream(url, adds(3), { query: '?report=errors' });
    const counts = { lines: 3, enqueued: 1, rejected: 0, failed: 1, unknown: 1, completed: true };
    const id = producer.jobs[2]?.jid;
    assert.deepEqual(errors.lines, [
      { line: 2, status: 'failed', code: 'broker_refused', detail: 'OOM' },
      { line: 3, status: 'unknown', job_id: id, code: 'outcome_unknown', detail: 'lost' },
      { summary: counts },
    ]);
    const none = await postStream(url, adds(3), { query: '?report=summary' });
    assert.deepEqual(none.lines, [{ summary: counts }]);
  });

  it('leaves out the lines before ?from, whatever they hold', async (t) => {
    const { listen, producer } = build(t);
    const url = await listen();
    const { lines } = await postStream(url, `${'x'.repeat(70_000)}\n${adds(4)}`, { query: '?from=4' });
    assert.deepEqual(
      lines.slice(0, -1).map(({ line }) => line),
      [4, 5],
    );
    assert.equal(producer.jobs.length, 2);
    const behind = await postStream(url, adds(3), { query: '?from=100' });
    assert.deepEqual(behind.lines, [{ summary: { lines: 0, enqueued: 0, ...whole } }]);
  });

  it('ends at a line that is too long, with its number, and reports what came before', async (t) => {
    const { listen, producer } = build(t);
    const body = `${adds(2)}${'x'.repeat(65_537)}\n${adds(2)}`;
    const { lines } = await postStream(await listen(), body);
    const why = { code: 'line_too_long', detail: 'Line 3 is longer than 65536 bytes' };
    assert.deepEqual(lines.slice(2), [
      { line: 3, status: 'rejected', ...why },
      { summary: { lines: 3, enqueued: 2, ...whole, rejected: 1, completed: false, ...why, next_line: 4 } },
    ]);
    assert.equal(producer.jobs.length, 2);
  });

  it('takes an empty body, and a line of the greatest length', async (t) => {
    const { listen } = build(t);
    const url = await listen();
    assert.deepEqual((await postStream(url, '')).lines, [{ summary: { lines: 0, enqueued: 0, ...whole } }]);
    const entry = add(1).trim();
    const { lines } = await postStream(url, `${entry.padEnd(65_536)}\n${add(2)}`);
    assert.deepEqual(summaryOf(lines), { lines: 2, enqueued: 2, ...whole });
  });

  it('refuses with a problem what it can refuse before the first line', async (t) => {
    const { listen, drain, producer } = build(t);
    const url = await listen();
    const codeOf = async (options: Parameters<typeof postStream>[2]): Promise<unknown[]> => {
      const { status, lines } = await postStream(url, add(1), options);
      const [{ code, outcome }] = lines as [{ code?: string; outcome?: string }];
      return [status, code, outcome];
    };
    const no = 'not_enqueued';
    assert.deepEqual(await codeOf({ query: '?report=some' }), [422, 'validation_failed', no]);
    assert.deepEqual(await codeOf({ query: '?from=0' }), [422, 'validation_failed', no]);
    assert.deepEqual(await codeOf({ headers: { 'idempotency-key': 'k' } }), [422, 'validation_failed', no]);
    for (const headers of [
      { 'content-type': 'application/json' },
      { 'content-type': 'application/x-ndjson; charset=latin1' },
      { 'content-encoding': 'gzip' },
    ])
      assert.deepEqual(await codeOf({ headers }), [415, 'unsupported_media_type', no]);
    drain();
    assert.deepEqual(await codeOf({}), [503, 'shutting_down', no]);
    assert.equal(producer.calls.length, 0);
  });

  it('wants a key where keys are set', async (t) => {
    const { listen } = build(t, { apiKeys: ['a-key-of-sixteen-characters'] });
    const url = await listen();
    assert.equal((await postStream(url, add(1))).status, 401);
    const headers = { authorization: 'Bearer a-key-of-sixteen-characters' };
    assert.equal((await postStream(url, add(1), { headers })).status, 200);
  });

  it('goes on with another request on the same connection', async (t) => {
    const { listen, app } = build(t);
    await listen();
    const head = 'POST /jobs/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n';
    const body = `Content-Length: ${add(1).length}\r\n\r\n${add(1)}`;
    const raw = await connectRaw(t, app, head + body + head + body + 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const text = await raw.until((received) => received.includes('healthy'));
    assert.equal(text.match(/"completed":true/g)?.length, 2);
  });
});

describe('the entries of a stream', () => {
  const keyed = (key: string, a: number): string => `{"operation":"add","args":{"a":${a},"b":1},"key":"${key}"}\n`;

  it('are enqueued once by their keys, and report a repetition', async (t) => {
    const { listen, producer } = build(t, { keys: await openKeys(t) });
    const url = await listen();
    const first = await postStream(url, keyed('one', 1) + add(2) + keyed('two', 3));
    assert.deepEqual(summaryOf(first.lines), { lines: 3, enqueued: 3, ...whole });
    const again = await postStream(url, keyed('one', 1) + keyed('two', 4) + keyed('three', 5));
    const id = first.lines[0]?.job_id;
    assert.deepEqual(again.lines[0], { line: 1, status: 'enqueued', job_id: id, replayed: true });
    assert.deepEqual([again.lines[1]?.status, again.lines[1]?.code], ['rejected', 'key_reused']);
    assert.equal(again.lines[2]?.status, 'enqueued');
    assert.equal(producer.jobs.length, 4);
  });

  it('are rejected with a key where none are kept, and those without are not', async (t) => {
    const { listen, producer } = build(t);
    const { lines } = await postStream(await listen(), keyed('one', 1) + add(2) + keyed('two', 3));
    assert.deepEqual(
      lines.slice(0, -1).map(({ status, code }) => [status, code]),
      [
        ['rejected', 'keys_not_kept'],
        ['enqueued', undefined],
        ['rejected', 'keys_not_kept'],
      ],
    );
    assert.equal(producer.jobs.length, 1);
  });

  it('may be unique, and report the job that stands in', async (t) => {
    const { listen } = build(t, { keys: await openKeys(t) });
    const unique = '{"operation":"add","args":{"a":1,"b":1},"unique_for":60}\n';
    const { lines } = await postStream(await listen(), unique + unique);
    assert.deepEqual(lines[1], { line: 2, status: 'enqueued', job_id: lines[0]?.job_id, duplicate: true });
  });

  it('may be scheduled, and report when', async (t) => {
    const { listen } = build(t);
    const later = '{"operation":"add","args":{"a":1,"b":1},"at":"2099-01-01T00:00:00Z"}\n';
    const { lines } = await postStream(await listen(), later);
    assert.equal(lines[0]?.at, '2099-01-01T00:00:00.000Z');
  });
});

describe('a stream that ends before its body', () => {
  /** With the first lines in the same packet, so that no pause comes before them. */
  const chunkedHead =
    'POST /jobs/stream HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-ndjson\r\n\r\n';
  const chunkOf = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

  it('is drained: what was read is reported, and where to go on', async (t) => {
    const { listen, drain } = build(t);
    const stream = await openStream(t, await listen());
    stream.write(adds(3));
    for (let line = 1; line <= 3; line++) assert.equal((await stream.next())?.line, line);
    drain();
    const why = { code: 'shutting_down', detail: 'The service is shutting down', next_line: 4 };
    assert.deepEqual(await stream.rest(), [{ summary: { lines: 3, enqueued: 3, ...whole, completed: false, ...why } }]);
    await once(stream.response.socket, 'close');
  });

  it('reports what was pushed when the request is no HTTP any more', async (t) => {
    const { listen, app, producer } = build(t);
    await listen();
    const raw = await connectRaw(t, app, `${chunkedHead}${chunkOf(add(1))}`);
    await raw.until((text) => text.includes('"line":1'));
    raw.socket.write('no chunk\r\n');
    assert.match(await raw.closed, /"completed":false,"code":"bad_request".*"next_line":2/);
    assert.equal(producer.jobs.length, 1);
  });

  it('reports to a caller that has ended its side in the middle', async (t) => {
    const { listen, app, producer } = build(t);
    await listen();
    const head = 'POST /jobs/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n';
    const raw = await connectRaw(t, app, `${head}Content-Length: 1000\r\n\r\n${add(1)}{"operation":"add","a":2`);
    await raw.until((text) => text.includes('"line":1'));
    raw.socket.end();
    assert.match(await raw.closed, /"completed":false,"code":"bad_request".*"next_line":2/);
    // Half a line is none.
    assert.equal(producer.jobs.length, 1);
  });

  it('is told so when it sends nothing for too long', async (t) => {
    const { listen, app } = build(t, { streamIdleMs: 50 });
    await listen();
    const raw = await connectRaw(t, app, `${chunkedHead}${chunkOf(add(1))}`);
    assert.match(await raw.closed, /"line":1,.*"completed":false,"code":"request_timeout"/s);
  });

  it('is cut off when nothing of the response is taken for too long', async (t) => {
    const { listen, app, producer } = build(t, { streamIdleMs: 50 });
    await listen();
    const raw = await connectRaw(t, app, chunkedHead);
    raw.socket.pause();
    const chunk = chunkOf(adds(1000));
    const write = (): void => {
      while (!raw.socket.destroyed && raw.socket.write(chunk));
    };
    raw.socket.on('drain', write);
    write();
    // Without backpressure it would never end: more can always be sent.
    raw.closed.catch(() => undefined);
    await new Promise<void>((resolve) => void raw.socket.once('close', () => resolve()));
    assert.ok(producer.jobs.length > 1000);
  });

  it('goes on while the broker takes longer than an idle caller may', async (t) => {
    const { listen, app, producer } = build(t, { streamIdleMs: 50 });
    await listen();
    const { pushBulk } = producer;
    producer.pushBulk = async (jobs, deadlineMs) => {
      const outcomes = await pushBulk.call(producer, jobs, deadlineMs);
      if (producer.calls.length === 2) return outcomes;
      // Twice the time, by the same timers. The stream still takes lines.
      await delay(120);
      raw.socket.write(chunkOf(add(2)) + chunkOf(''));
      await until('the second line is pushed', () => producer.calls.length === 2);
      return outcomes;
    };
    const raw = await connectRaw(t, app, `${chunkedHead}${chunkOf(add(1))}`);
    const text = await raw.until((received) => received.includes('"summary"'));
    assert.match(text, /"lines":2,"enqueued":2,.*"completed":true/);
  });
});
