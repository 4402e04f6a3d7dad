// Two API processes, restarted in turn under traffic. Callers look at /ready once a second, as a balancer does, and try
// again only where a connection was refused: nothing else may ever fail. FAULTS=1 restarts 100 times, on a real Faktory where
// there is one.
// And processes that are stopped while the broker is slow to answer, or does not answer at all.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { Client } from 'faktory-worker';
import { startBroker } from '../helpers/broker.ts';
import { startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { bulk, refusals, startScriptedBroker, type Script } from '../helpers/scripted-broker.ts';
import { post, startService, type Service } from '../helpers/service.ts';
import { showed } from './matrix.ts';

const isFull = process.env['FAULTS'] === '1';
const restarts = isFull ? 100 : 2;
const callers = 6;
const drainDelayMs = 2000;
/** What an exit may take beyond the drain delay and the longest enqueue that was in flight. */
const exitSlackMs = 2000;
const jobsPerBatch = 10;

interface Backend {
  service: Service;
  url: string;
  isReady: boolean;
  agent: Agent;
  isStopping: boolean;
  /** Of the enqueues that were answered after the signal. */
  longestMs: number;
}

interface JsonResponse {
  status: number;
  body: { job_ids?: string[]; job_id?: string };
}

function call(backend: Backend, method: string, path: string, body?: unknown): Promise<JsonResponse> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const outgoing = request(`${backend.url}${path}`, { method, agent: backend.agent, headers }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => (text += chunk));
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) as JsonResponse['body'] }),
      );
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const isRefused = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';

async function startBackend(t: TestContext, faktoryUrl: string): Promise<Backend> {
  const service = startService(t, { FAKTORY_URL: faktoryUrl, SHUTDOWN_DRAIN_DELAY_MS: String(drainDelayMs) }, 'api');
  const agent = new Agent({ keepAlive: true });
  const backend = { service, url: await service.url(), isReady: false, agent, isStopping: false, longestMs: 0 };
  t.after(() => backend.agent.destroy());
  return backend;
}

async function look(backend: Backend): Promise<void> {
  backend.isReady = await call(backend, 'GET', '/ready').then(
    ({ status }) => status === 200,
    () => false,
  );
}

async function untilReady(backend: Backend): Promise<void> {
  while (!backend.isReady) {
    await look(backend);
    if (!backend.isReady) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Looked at in the full run only, when nothing else runs beside it. */
function assertQuick(exitMs: number, longestMs: number): void {
  const what = `the exit took ${exitMs} ms, the longest enqueue in flight ${longestMs} ms`;
  assert.ok(!isFull || exitMs <= drainDelayMs + longestMs + exitSlackMs, what);
}

describe('rolling restarts', () => {
  it('lose no job and fail no request', async (t) => {
    const isReal = isFull && faktoryPath() !== undefined;
    const broker = isReal ? await startFaktory(t) : await startBroker(t);
    const backends = [await startBackend(t, broker.url), await startBackend(t, broker.url)];
    await Promise.all(backends.map(untilReady));
    const polling = setInterval(() => backends.forEach((backend) => void look(backend)), 1000);
    t.after(() => clearInterval(polling));

    const acknowledged = new Set<string>();
    const failures: string[] = [];
    let isOver = false;
    let turn = 0;

    async function postSomewhere(path: string, body: unknown): Promise<void> {
      for (let tries = 0; tries < 4; tries++) {
        const ready = backends.filter(({ isReady }) => isReady);
        const backend = (ready[turn++ % ready.length] ?? backends[turn % 2]) as Backend;
        const startedMs = performance.now();
        try {
          const response = await call(backend, 'POST', path, body);
          if (backend.isStopping) backend.longestMs = Math.max(backend.longestMs, performance.now() - startedMs);
          if (response.status !== 202) failures.push(`${path}: ${response.status}`);
          for (const id of response.body.job_ids ?? [response.body.job_id as string]) acknowledged.add(id);
          return;
        } catch (error) {
          if (!isRefused(error)) return void failures.push(`${path}: ${String(error)}`);
          backend.isReady = false;
        }
      }
      failures.push(`${path}: refused four times`);
    }

    const jobs = Array.from({ length: jobsPerBatch }, (_, index) => ({ operation: 'add', a: index, b: 1 }));
    const caller = async (): Promise<void> => {
      while (!isOver) {
        await postSomewhere('/jobs/add', { a: 1, b: 2 });
        await postSomewhere('/jobs/batch', { jobs });
      }
    };
    const traffic = Array.from({ length: callers }, caller);

    let slowest = { exitMs: 0, longestMs: 0 };
    for (let index = 0; index < restarts; index++) {
      const old = backends[index % 2] as Backend;
      const startedMs = performance.now();
      old.isStopping = true;
      assert.equal(await old.service.end('SIGTERM'), 0);
      const exitMs = performance.now() - startedMs;
      assertQuick(exitMs, old.longestMs);
      if (exitMs > slowest.exitMs) slowest = { exitMs, longestMs: old.longestMs };
      const fresh = await startBackend(t, broker.url);
      backends[index % 2] = fresh;
      await untilReady(fresh);
    }
    isOver = true;
    await Promise.all(traffic);

    assert.deepEqual(failures, []);
    const client = new Client({ host: '127.0.0.1', port: broker.port });
    t.after(() => client.close());
    assert.equal((await client.info()).faktory.queues['default'], acknowledged.size);
    assert.ok(acknowledged.size > restarts * 10, 'no traffic');
    showed(
      'api-restarted',
      `${restarts} restarts on ${isReal ? 'a real Faktory' : 'the embedded broker'}, ${acknowledged.size} jobs acknowledged and stored, 0 failed requests; the slowest exit took ` +
        `${Math.round(slowest.exitMs)} ms (drain delay ${drainDelayMs} ms, longest enqueue ${Math.round(slowest.longestMs)} ms)`,
    );
  });
});

/** Enqueues under way, and others that come while it drains, as the process is told to stop. */
async function stopUnderWay(t: TestContext, script: Script, env: Record<string, string>) {
  const broker = await startScriptedBroker({ script });
  t.after(() => broker.close());
  const faktory = { FAKTORY_URL: `tcp://127.0.0.1:${broker.port}`, SHUTDOWN_DRAIN_DELAY_MS: String(drainDelayMs) };
  const service = startService(t, { ...faktory, ...env }, 'api');
  const url = await service.readyUrl();
  let longestMs = 0;
  const enqueue = async (path: string, body: unknown): Promise<number> => {
    const startedMs = performance.now();
    const { status } = await post(url + path, body);
    longestMs = Math.max(longestMs, performance.now() - startedMs);
    return status;
  };
  const jobs = Array.from({ length: 300 }, (_, index) => ({ operation: 'add', a: index, b: 1 }));
  const enqueueSome = (): Promise<number>[] => [
    enqueue('/jobs/batch', { jobs }),
    ...Array.from({ length: 20 }, (_, index) => enqueue('/jobs/add', { a: index, b: 2 })),
  ];
  const before = enqueueSome();
  await broker.until(() => broker.seen.size > jobs.length);
  const startedMs = performance.now();
  const ended = service.end('SIGTERM');
  await service.line(({ msg }) => msg === 'stopping');
  const statuses = await Promise.all([...before, ...enqueueSome()]);
  assert.equal(await ended, 0);
  const exitMs = performance.now() - startedMs;
  assertQuick(exitMs, longestMs);
  const figures = `${statuses.length} requests answered; exit after ${Math.round(exitMs)} ms (drain delay ${drainDelayMs} ms, longest enqueue ${Math.round(longestMs)} ms)`;
  return { statuses, figures };
}

describe('a process that is told to stop', () => {
  it('answers what is under way as stored, when the broker is slow', async (t) => {
    const slowMs = isFull ? 4000 : 500;
    const script: Script = {
      reply: (line, peer) => {
        if (line.startsWith('PUSHB ')) setTimeout(() => peer.write(refusals()), slowMs);
        else if (line === 'END') peer.end();
        return line === 'INFO' ? bulk('{}') : undefined;
      },
    };
    const { statuses, figures } = await stopUnderWay(t, script, {});
    assert.deepEqual(new Set(statuses), new Set([202]));
    showed('api-stopped', `a broker that needs ${slowMs} ms: ${figures}, all 202`);
  });

  it(
    'answers what is under way as unknown, when the broker hangs',
    { skip: !isFull && 'FAULTS=1 only: 8 seconds' },
    async (t) => {
      const script: Script = { reply: () => undefined };
      const { statuses, figures } = await stopUnderWay(t, script, { FAKTORY_READ_TIMEOUT: '7' });
      assert.ok(statuses.every((status) => status === 504 || status === 503));
      showed(
        'api-stopped',
        `a broker that hangs: ${figures}, ${statuses.filter((status) => status === 504).length} of them 504`,
      );
    },
  );
});
