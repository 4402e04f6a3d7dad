// The client's stream against the service: reports in order, backpressure, and what a connection that breaks costs.
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { WorkFactoryError } from '../../src/client/error.ts';
import type { LineReport } from '../../src/client/stream-lines.ts';
import { systemSurroundings } from '../../src/client/surroundings.ts';
import { build, type BuiltApp } from '../helpers/app.ts';
import { startFaultProxy, type Faults } from '../helpers/fault-proxy.ts';
import { openKeys } from '../helpers/key-store.ts';

/** No pauses between attempts. */
const surroundings = { ...systemSurroundings, random: () => 0 };
const clientOf = (url: string, apiKey?: string) => createClient({ url, apiKey }, surroundings);
const portOf = ({ app }: BuiltApp): number => (app.server.address() as AddressInfo).port;

function* adds(count: number, more: (a: number) => object = () => ({})) {
  for (let a = 1; a <= count; a++) yield { operation: 'add' as const, args: { a, b: 1 }, ...more(a) };
}

async function readAll(reports: AsyncIterable<LineReport>): Promise<LineReport[]> {
  const all: LineReport[] = [];
  for await (const one of reports) all.push(one);
  return all;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** The service behind a path that treats each connection as it is told. */
async function behind(t: TestContext, service: BuiltApp, faultsOf: (connection: number) => Faults): Promise<string> {
  await service.listen();
  let connection = 0;
  const proxy = await startFaultProxy(() => portOf(service), { faults: () => faultsOf(connection++) });
  t.after(() => proxy.close());
  return `http://127.0.0.1:${proxy.port}`;
}

describe("the client's stream", () => {
  it('reports entries and lines as they stand in their order, and sums up', async (t) => {
    const { listen, producer } = build(t);
    const source = [
      { operation: 'add' as const, args: { a: 1, b: 2 } },
      'no JSON',
      '',
      `"${'x'.repeat(70_000)}"`,
      '{"operation":"multiply","a":2,"b":3}\n',
      'two\nlines',
    ];
    const stream = clientOf(await listen()).stream(source);
    const reports = await readAll(stream);
    assert.deepEqual(
      reports.map((one) => [one.line, one.status, 'code' in one ? one.code : one.jobId]),
      [
        [1, 'enqueued', producer.jobs[0]?.jid],
        [2, 'rejected', 'malformed_json'],
        [4, 'rejected', 'line_too_long'],
        [5, 'enqueued', producer.jobs[1]?.jid],
        [6, 'rejected', 'validation_failed'],
      ],
    );
    assert.deepEqual(await stream.summary, { lines: 5, enqueued: 2, rejected: 3, failed: 0, unknown: 0 });
  });

  it('reports only what is asked for', async (t) => {
    const { listen } = build(t);
    const client = clientOf(await listen());
    const lines = ['{"operation":"add","a":1,"b":1}', 'no'];
    assert.deepEqual(
      (await readAll(client.stream(lines, { report: 'errors' }))).map(({ line }) => line),
      [2],
    );
    const { enqueued, rejected } = await client.stream(lines, { report: 'summary' }).summary;
    assert.deepEqual([enqueued, rejected], [1, 1]);
  });

  it('asks the source for no more than is on its way while nobody reads', async (t) => {
    const { listen } = build(t);
    let asked = 0;
    async function* endless() {
      for (;;) {
        asked += 1;
        yield { operation: 'add' as const, args: { a: asked, b: 1 } };
      }
    }
    const controller = new AbortController();
    const stream = clientOf(await listen()).stream(endless(), { signal: controller.signal });
    const iterator = stream[Symbol.asyncIterator]();
    const first = await iterator.next();
    assert.equal((first.value as LineReport).line, 1);
    // It goes on until the window is full: nothing else would stop an endless source.
    for (let before = -1; before !== asked;) {
      before = asked;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(asked <= 1 + 1000 + 4000 + 100, `${asked}`);
    controller.abort();
    await assert.rejects(stream.summary, { code: 'aborted' });
  });

  it('goes on after cuts: what may be stored is unknown, everything else is enqueued once', async (t) => {
    const count = 3000;
    const service = build(t);
    // Each connection gets further; the first are cut in the way there, the others in the way back.
    const url = await behind(t, service, (connection) => {
      if (connection >= 6) return {};
      const cut = { cut: { afterBytes: 4000 * (connection + 1), by: 'rst' as const } };
      return connection % 2 === 0 ? { toBroker: cut } : { toClient: cut };
    });
    const stream = clientOf(url).stream(adds(count));
    const reports = await readAll(stream);
    assert.deepEqual(
      reports.map(({ line }) => line),
      numbers(count),
    );
    const summary = await stream.summary;
    assert.equal(summary.enqueued + summary.unknown, count);
    assert.ok(summary.unknown > 0);
    const stored = new Map<string, number>();
    for (const { jid } of service.producer.jobs) stored.set(jid, (stored.get(jid) ?? 0) + 1);
    for (const one of reports) if (one.status === 'enqueued') assert.equal(stored.get(one.jobId), 1);
    // No line was made twice.
    const operands = service.producer.jobs.map(({ encoded }) => /"a":(\d+)/.exec(encoded)?.[1]);
    assert.equal(new Set(operands).size, operands.length);
  });

  it('sends lines with a key again, and no job is made twice', async (t) => {
    const count = 300;
    const service = build(t, { keys: await openKeys(t) });
    const url = await behind(t, service, (connection) =>
      connection < 3 ? { toClient: { cut: { afterBytes: 6000, by: 'fin' } } } : {},
    );
    const stream = clientOf(url).stream(adds(count, (a) => ({ key: `line-${a}` })));
    const reports = await readAll(stream);
    assert.deepEqual(
      reports.map(({ line }) => line),
      numbers(count),
    );
    assert.deepEqual(await stream.summary, { lines: count, enqueued: count, rejected: 0, failed: 0, unknown: 0 });
    assert.equal(service.producer.jobs.length, count);
  });

  it('goes on elsewhere when the service shuts down in the middle', async (t) => {
    const [first, second] = [build(t), build(t)];
    await first.listen();
    await second.listen();
    let connections = 0;
    const proxy = await startFaultProxy(() => portOf(connections++ === 0 ? first : second), { faults: () => ({}) });
    t.after(() => proxy.close());
    async function* source() {
      yield* adds(10);
      while (first.producer.jobs.length < 10) await new Promise(setImmediate);
      first.drain();
      yield* adds(10);
    }
    const stream = clientOf(`http://127.0.0.1:${proxy.port}`).stream(source());
    assert.deepEqual(
      (await readAll(stream)).map(({ line, status }) => [line, status]),
      numbers(20).map((line) => [line, 'enqueued']),
    );
    assert.equal(first.producer.jobs.length + second.producer.jobs.length, 20);
  });

  it('ends when the service refuses it, when the source fails, and when its reader leaves', async (t) => {
    const { listen } = build(t, { apiKeys: ['a-key-of-sixteen-characters'] });
    const url = await listen();
    const refused = clientOf(url).stream(adds(1));
    await assert.rejects(readAll(refused), { code: 'unauthorized', outcome: 'not_enqueued' });
    await assert.rejects(refused.summary, WorkFactoryError);
    const client = clientOf(url, 'a-key-of-sixteen-characters');
    async function* broken() {
      yield* adds(1);
      throw new Error('the file ended');
    }
    await assert.rejects(readAll(client.stream(broken())), { message: 'the file ended' });
    let hasLeft = false;
    function* watched() {
      try {
        yield* adds(100_000);
      } finally {
        hasLeft = true;
      }
    }
    const left = client.stream(watched());
    for await (const { line } of left) if (line === 3) break;
    await assert.rejects(left.summary, { code: 'aborted' });
    assert.equal(hasLeft, true);
  });
});
