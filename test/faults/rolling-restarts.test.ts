// Two API processes, restarted in turn under traffic. Callers look at /ready once a second, as a balancer does, and try
// again only where a connection was refused: nothing else may ever fail. FAULTS=1 restarts 100 times.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { Client } from 'faktory-worker';
import { startBroker } from '../helpers/broker.ts';
import { startService, type Service } from '../helpers/service.ts';

const isFull = process.env['FAULTS'] === '1';
const restarts = isFull ? 100 : 2;
const callers = 6;
const drainDelayMs = 2000;
/** What is allowed after the drain delay; looked at in the full run only, when nothing else runs beside it. */
const exitMsMax = drainDelayMs + 2000;
const jobsPerBatch = 10;

interface Backend {
  service: Service;
  url: string;
  isReady: boolean;
  agent: Agent;
}

interface Answer {
  status: number;
  body: { job_ids?: string[]; job_id?: string };
}

function call(backend: Backend, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const outgoing = request(`${backend.url}${path}`, { method, agent: backend.agent, headers }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => (text += chunk));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const isRefused = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';

async function startBackend(t: TestContext, faktoryUrl: string): Promise<Backend> {
  const service = startService(t, { FAKTORY_URL: faktoryUrl, SHUTDOWN_DRAIN_DELAY_MS: String(drainDelayMs) }, 'api');
  const backend = { service, url: await service.url(), isReady: false, agent: new Agent({ keepAlive: true }) };
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

describe('rolling restarts', () => {
  it('lose no job and fail no request', async (t) => {
    const broker = await startBroker(t);
    const backends = [await startBackend(t, broker.url), await startBackend(t, broker.url)];
    await Promise.all(backends.map(untilReady));
    const polling = setInterval(() => backends.forEach((backend) => void look(backend)), 1000);
    t.after(() => clearInterval(polling));

    const acknowledged = new Set<string>();
    const failures: string[] = [];
    let isOver = false;
    let turn = 0;

    async function post(path: string, body: unknown): Promise<void> {
      for (let tries = 0; tries < 4; tries++) {
        const ready = backends.filter(({ isReady }) => isReady);
        const backend = ready[turn++ % ready.length] ?? backends[turn % 2];
        try {
          const answer = await call(backend as Backend, 'POST', path, body);
          if (answer.status !== 202) failures.push(`${path}: ${answer.status}`);
          for (const id of answer.body.job_ids ?? [answer.body.job_id as string]) acknowledged.add(id);
          return;
        } catch (error) {
          if (!isRefused(error)) return void failures.push(`${path}: ${String(error)}`);
        }
      }
      failures.push(`${path}: refused four times`);
    }

    const jobs = Array.from({ length: jobsPerBatch }, (_, index) => ({ operation: 'add', a: index, b: 1 }));
    const caller = async (): Promise<void> => {
      while (!isOver) {
        await post('/jobs/add', { a: 1, b: 2 });
        await post('/jobs/batch', { jobs });
      }
    };
    const traffic = Array.from({ length: callers }, caller);

    for (let index = 0; index < restarts; index++) {
      const old = backends[index % 2] as Backend;
      const startedMs = performance.now();
      assert.equal(await old.service.end('SIGTERM'), 0);
      const exitMs = performance.now() - startedMs;
      assert.ok(!isFull || exitMs <= exitMsMax, `the exit took ${exitMs} ms`);
      const fresh = await startBackend(t, broker.url);
      backends[index % 2] = fresh;
      await untilReady(fresh);
    }
    isOver = true;
    await Promise.all(traffic);

    assert.deepEqual(failures, []);
    const client = new Client({ host: broker.host, port: broker.port });
    t.after(() => client.close());
    assert.equal((await client.info()).faktory.queues['default'], acknowledged.size);
    assert.ok(acknowledged.size > restarts * 10, 'no traffic');
    t.diagnostic(`${restarts} restarts, ${acknowledged.size} jobs acknowledged and stored, 0 failed requests`);
  });
});
