// A seeded fuzzer against the whole program: whatever is sent, each response is well-formed HTTP with our own problem in it,
// nothing is answered 500, nothing ends or grows, and the service works afterwards. FUZZ_SEED=N runs a seed again.
import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { build } from '../helpers/app.ts';
import { get, post, startService } from '../helpers/service.ts';
import { createRecordingResults } from '../http/recording-results.ts';
import { createScript, fuzz, type FuzzReport } from './fuzz-connections.ts';
import { ownMebibytes, residentMebibytes, watchMemory } from './fuzz-memory.ts';
import { showed } from './matrix.ts';

const isFull = process.env['FAULTS'] === '1';
const requests = isFull ? 1_000_000 : 2000;
const connections = 64;
// The short run is the same each time.
const seed = Number(process.env['FUZZ_SEED'] ?? (isFull ? Math.floor(Math.random() * 2 ** 31) : 1));
/** What a heap may still grow by after the warm-up, without a leak: V8 gives back little. */
const growthMebibytesMax = 64;

const countOf = (counts: Readonly<Record<string, number>>, isCounted: (status: number) => boolean): number =>
  Object.entries(counts).reduce((sum, [status, count]) => sum + (isCounted(Number(status)) ? count : 0), 0);

describe('fuzzed requests', () => {
  it('are all answered as the contract says, and leave the service as it was', async (t) => {
    console.log(`FUZZ_SEED=${seed}`);
    const service = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '0', RESULTS_MAX: '1000', ALLOWED_HOSTS: 'x,y' });
    const url = await service.url();
    const pid = service.process.pid as number;
    const memory = watchMemory(() => residentMebibytes(pid));
    const startedMs = performance.now();
    const report = await fuzz({
      port: Number(new URL(url).port),
      seed,
      requests,
      connections,
      onProgress: (count) => memory.look(count / requests),
    });
    const seconds = (performance.now() - startedMs) / 1000;
    assert.deepEqual(report.faults, []);
    assert.equal(service.process.exitCode, null);

    const { status, body } = await post(`${url}/jobs/divide`, { a: 6, b: 4 });
    assert.equal(status, 202);
    assert.equal((await get(`${url}/jobs/${String(body['job_id'])}?wait=10`)).body['result'], 1.5);
    // Let go of sockets and of the last garbage.
    await delay(isFull ? 3000 : 200);
    const resident = memory.end().join(' ');
    if (isFull) assert.ok(memory.growth() < growthMebibytesMax, `MiB: ${resident}`);
    assert.equal(await service.end(), 0);
    const complaints = service.lines.filter(({ level }) => Number(level) >= 50 || level === undefined);
    assert.deepEqual(complaints, []);

    const { byStatus } = report;
    for (const expected of [200, 202, 206, 400, 404, 405, 415, 422, ...(isFull ? [413, 431] : [])]) {
      assert.ok((byStatus[expected] ?? 0) > 0, `nothing was answered ${expected}: the generator is too tame`);
    }
    showed(
      'fuzzed-requests',
      `seed ${seed}: ${report.requests} requests on ${report.connections} connections, ${Math.round(report.requests / seconds)}/s; ` +
        `${countOf(byStatus, (code) => code < 300)} responses 2xx, ${countOf(byStatus, (code) => code >= 400 && code < 500)} 4xx, ` +
        `${countOf(byStatus, (code) => code >= 500)} 503 or 504, none else; resident MiB by tenths ${resident}`,
    );
  });

  it('enqueue exactly the jobs that are answered as enqueued', async (t) => {
    const { producer, listen } = build(t, { logLevel: 'silent', results: createRecordingResults() });
    const { push, pushBulk } = producer;
    // Some replies come later than those to the requests behind them.
    const late = async (jobs: number): Promise<void> => void (jobs % 3 === 0 && (await delay(jobs % 5)));
    let calls = 0;
    producer.push = async (...call) => (await late(calls++), push(...call));
    producer.pushBulk = async (...call) => (await late(calls++), pushBulk(...call));
    const port = Number(new URL(await listen()).port);
    const report = await fuzz({ port, seed, requests: isFull ? 100_000 : 500, connections: 16, isPatient: true });
    assert.deepEqual(report.faults, []);
    // A response that a reset took away was given.
    if (report.resets === 0) assert.equal(producer.jobs.length, report.jobs);
    else assert.ok(producer.jobs.length >= report.jobs);
    assert.ok(report.jobs > 100);
    showed(
      'fuzzed-requests',
      `${report.requests} more, whose connections the callers never cut: ${report.jobs} jobs answered 202 or in a 206, ${producer.jobs.length} enqueued`,
    );
  });
});

interface Planted {
  /** What the fuzzer must say of it. */
  fault: RegExp;
  plant: (app: FastifyInstance) => void;
}

const bodyOf = (request: { body?: unknown }): Record<string, unknown> =>
  (request.body ?? {}) as Record<string, unknown>;

const planted: Readonly<Record<string, Planted>> = {
  'throws for a negative operand': {
    fault: /status 500/,
    plant: (app) =>
      app.addHook('preHandler', async (request) => {
        if (Number(bodyOf(request)['a']) < -50) throw new TypeError('a bug');
      }),
  },
  'answers a wrong type without a problem': {
    fault: /a problem of status 415: content-type text\/plain/,
    plant: (app) =>
      app.addHook('onSend', async (_request, reply, payload) => {
        if (reply.statusCode === 415) reply.type('text/plain');
        return payload;
      }),
  },
  'tells the text of an error': {
    fault: /a problem of status 422: code undefined/,
    plant: (app) =>
      app.addHook('onSend', async (_request, reply, payload) =>
        reply.statusCode === 422 ? Buffer.from(JSON.stringify({ stack: String(payload) })) : payload,
      ),
  },
  'counts the bytes of a response wrongly': {
    fault: /no status line|is not whole/,
    plant: (app) =>
      app.addHook('onRequest', async (request, reply) => {
        if (request.url !== '/health') return;
        reply.hijack();
        reply.raw.writeHead(200, { 'content-length': 10 });
        reply.raw.strictContentLength = false;
        reply.raw.end('twelve bytes');
      }),
  },
  'ends a connection instead of answering': {
    fault: /was not answered, and no response said that it is the last/,
    plant: (app) =>
      app.addHook('onRequest', async (request) => {
        if (request.url === '/jobs/subtract') request.raw.socket.destroySoon();
      }),
  },
};

async function fuzzApp(t: TestContext, plant: (app: FastifyInstance) => void, count: number): Promise<FuzzReport> {
  const { app, listen } = build(t, {
    logLevel: 'silent',
    results: createRecordingResults(),
  });
  plant(app);
  // Sockets that are no longer read do not keep a process alive until they are closed.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  return fuzz({ port: Number(new URL(await listen()).port), seed, requests: count, connections: 16, faultsMax: 1 });
}

describe('the fuzzer', () => {
  for (const [what, { fault, plant }] of Object.entries(planted)) {
    it(`finds a service that ${what}`, async (t) => {
      const { faults, requests: needed } = await fuzzApp(t, plant, 20_000);
      assert.match(faults.join('\n'), fault);
      t.diagnostic(`in ${needed} requests`);
    });
  }

  it('finds one that hangs up', async (t) => {
    const server = createServer((socket) => void socket.on('error', () => {}).end()).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { faults } = await fuzz({
      port: (server.address() as AddressInfo).port,
      seed,
      requests: 200,
      connections: 4,
    });
    assert.match(faults.join('\n'), /was not answered/);
  });

  it('finds one that keeps what it was sent', async (t) => {
    const kept: Buffer[] = [];
    const memory = watchMemory(ownMebibytes);
    const { app, listen } = build(t, { logLevel: 'silent', results: createRecordingResults() });
    app.server.on('request', () => void kept.push(Buffer.alloc(200_000, 1)));
    const port = Number(new URL(await listen()).port);
    const report = await fuzz({
      port,
      seed,
      requests: 1500,
      connections: 16,
      onProgress: (count) => memory.look(count / 1500),
    });
    assert.deepEqual(report.faults, []);
    const resident = memory.end().join(' ');
    assert.ok(memory.growth() > growthMebibytesMax, resident);
  });

  it('sends the same bytes again for the same seed, and finds nothing where there is no bug', async (t) => {
    const bytes = (one: number): string =>
      Array.from({ length: 50 }, (_, number) => createScript(one, number).requests)
        .flat()
        .map((request) => request.bytes.toString('latin1'))
        .join('');
    assert.equal(bytes(7), bytes(7));
    assert.notEqual(bytes(7), bytes(8));
    assert.deepEqual((await fuzzApp(t, () => {}, 1000)).faults, []);
  });
});
