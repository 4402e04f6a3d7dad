// Deliveries on their whole way: docs/delivery.md as a newcomer follows it, jobs pushed past the API, and receivers that do
// not answer beside the jobs of other queues.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { connectFwp, makeJob, type FwpClient } from './broker/fwp-client.ts';
import { spawnChild } from './helpers/children.ts';
import { createCertificate } from './helpers/certificate.ts';
import { writeJobs } from './helpers/job-folder.ts';
import { pathOf } from './helpers/paths.ts';
import { startFaktory } from './helpers/real-faktory.ts';
import { faktoryPath } from './helpers/real-parts.ts';
import { startReceiver, type Receiver } from './helpers/receiver.ts';
import { startRedis } from './helpers/redis.ts';
import { get, post, startService } from './helpers/service.ts';

const secret = 'a-secret-of-your-own';

interface System {
  url: string;
  fwp: FwpClient;
}

type Start = (t: TestContext, env: Record<string, string>) => Promise<System>;

const startAllInOne: Start = async (t, env) => {
  const service = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '0', FAKTORY_BIND: '127.0.0.1:0', ...env });
  const { broker: address } = await service.line(({ msg }) => msg === 'the embedded broker listens');
  const port = Number(String(address).split(':').at(-1));
  return { url: await service.readyUrl(), fwp: await connectFwp(t, { port }) };
};

const startWithFaktory: Start = async (t, env) => {
  const [faktory, redis] = await Promise.all([startFaktory(t), startRedis(t)]);
  const shared = { FAKTORY_URL: faktory.url, RESULTS_URL: redis.url, SHUTDOWN_DRAIN_DELAY_MS: '0', ...env };
  startService(t, shared, 'worker');
  const url = await startService(t, shared, 'api').readyUrl();
  return { url, fwp: await connectFwp(t, { port: faktory.port }) };
};

async function push(fwp: FwpClient, args: unknown, options: object = {}): Promise<string> {
  const job = makeJob({ jobtype: 'http_request', queue: 'http', args: [args], ...options });
  assert.equal(await fwp.ask(`PUSH ${JSON.stringify(job)}`), '+OK');
  return job.jid;
}

type Record_ = Record<string, unknown>;

/** The job's record once it has ended. */
async function ended(url: string, jid: string): Promise<Record_> {
  for (;;) {
    const { status, body } = await get(`${url}/jobs/${jid}?wait=30`);
    if (status === 200 && body['state'] !== 'pending') return body;
  }
}

describe('a job pushed past the API', () => {
  const systems: readonly [name: string, start: Start, skip: string | false][] = [
    ['the embedded broker', startAllInOne, false],
    ['a real Faktory', startWithFaktory, faktoryPath() === undefined && 'no Faktory on this machine'],
  ];
  for (const [name, start, skip] of systems)
    it(`is checked again by the worker: ${name}`, { skip }, async (t) => {
      const receiver = await startReceiver(t, ({ url: path }, response) => {
        response.writeHead(path === '/redirect' ? 302 : 200, { location: '/other' }).end('here');
      });
      const { key, cert, certPath } = createCertificate(t);
      const secure = createTlsServer({ key, cert }, (_request, response) => response.end('over TLS')).listen(
        0,
        'localhost',
      );
      await once(secure, 'listening');
      t.after(() => secure.close());
      const secureUrl = `https://localhost:${(secure.address() as AddressInfo).port}`;
      const origin = `http://127.0.0.1:${receiver.port}`;
      // Nothing listens there.
      const proxies = Object.fromEntries(
        ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map((key) => [key, 'http://127.0.0.1:9']),
      );
      const { url, fwp } = await start(t, {
        HTTP_REQUEST_ALLOW: `${origin},localhost,${secureUrl}`,
        HTTP_REQUEST_SECRET: secret,
        NODE_EXTRA_CA_CERTS: certPath,
        NODE_USE_ENV_PROXY: '1',
        ...proxies,
      });

      const { status, body } = await post(`${url}/jobs/http_request`, {
        url: 'http://169.254.169.254/latest/meta-data',
      });
      assert.equal(status, 422);
      const [violation] = body['violations'] as { pointer: string; message: string }[];
      assert.deepEqual(violation, {
        pointer: '/url',
        message: 'is not named by HTTP_REQUEST_ALLOW (scheme, host and port)',
      });

      const { port } = receiver;
      const wrong: readonly [args: unknown, errtype: string, error: RegExp][] = [
        [{ url: 'http://169.254.169.254/latest/meta-data' }, 'ArgumentsInvalid', /^arguments: url is not named/],
        [{ url: `http://[::ffff:127.0.0.1]:${port}/` }, 'ArgumentsInvalid', /url is not named/],
        [{ url: `http://2130706434:${port}/` }, 'ArgumentsInvalid', /url is not named/],
        [{ url: `http://localhost:${port}/` }, 'ArgumentsInvalid', /url is not named/],
        [{ url: `http://u:p@127.0.0.1:${port}/` }, 'ArgumentsInvalid', /no user and password/],
        [{ url: origin, headers: { Host: 'evil' } }, 'ArgumentsInvalid', /headers\.Host is set by the connection/],
        [{ url: origin, headers: { 'X-A': 'a\r\nX-B: b' } }, 'ArgumentsInvalid', /headers\.X-A must be visible ASCII/],
        [{ url: origin, headers: { 'Work-Factory-Signature': 't=1' } }, 'ArgumentsInvalid', /is set by the service/],
        [{ url: origin, redirect: 'follow' }, 'ArgumentsInvalid', /redirect/],
        ['no object', 'ArgumentsInvalid', /must be an object/],
        // It passes the list of hosts, and resolves to loopback.
        [{ url: 'https://localhost/' }, 'PermanentError', /^localhost is at .*: not globally routable/],
        [
          { url: `${origin}/redirect`, json: 1 },
          'PermanentError',
          /answered 302 to \/other, which is not followed: here$/,
        ],
      ];
      const jids = await Promise.all(wrong.map(([args]) => push(fwp, args)));
      for (const [index, [, errtype, error]] of wrong.entries()) {
        const record = await ended(url, jids[index] as string);
        assert.equal(record['state'], 'failed', JSON.stringify(record));
        assert.equal(record['errtype'], errtype, JSON.stringify(record));
        assert.match(String(record['error']), error);
        assert.equal(record['attempts'], 1);
      }
      const good = await push(fwp, { url: `${origin}/good`, json: { b: 1, a: 2 } });
      assert.deepEqual((await ended(url, good))['result'], { status: 200, body: 'here' });
      const overTls = await push(fwp, { url: secureUrl });
      assert.deepEqual((await ended(url, overTls))['result'], { status: 200, body: 'over TLS' });
      assert.deepEqual(
        receiver.got.map(({ path }) => path),
        ['/redirect', '/good'],
      );
      assert.equal(receiver.connections.length, 2);
    });
});

describe('receivers that do not answer', () => {
  it('hold up no job of another queue, and get each job once', async (t) => {
    const deliveries = 100;
    const slots = 10;
    const held: (() => void)[] = [];
    let isHolding = true;
    let onHeld = (): void => undefined;
    const slow: Receiver = await startReceiver(t, (_request, response) => {
      if (!isHolding) return void response.end();
      held.push(() => response.end());
      if (held.length === slots) onHeld();
    });
    const allHeld = new Promise<void>((resolve) => (onHeld = resolve));
    const origin = `http://127.0.0.1:${slow.port}`;
    const hello = { hello: "args: z.object({ name: z.string() }), run: ({ name }) => 'Hello, ' + name" };
    const env = { HTTP_REQUEST_ALLOW: origin, WORKER_CONCURRENCY: String(slots), JOBS_DIR: await writeJobs(t, hello) };
    const { url } = await startAllInOne(t, env);

    const args = { url: origin, timeout_seconds: 300 };
    const jobs = Array.from({ length: deliveries }, (_, n) => ({
      operation: 'http_request',
      args: { ...args, json: n },
    }));
    const { status, body } = await post(`${url}/jobs/batch`, { jobs });
    assert.equal(status, 202, JSON.stringify(body));
    await allHeld;

    // More than all slots have room for.
    const others = Array.from({ length: 2 * slots }, (_, n) => [
      { operation: 'add', a: n, b: 1 },
      { operation: 'hello', name: String(n) },
    ]).flat();
    const { body: posted } = await post(`${url}/jobs/batch`, { jobs: others });
    const records = await Promise.all((posted['job_ids'] as string[]).map((jid) => ended(url, jid)));
    assert.deepEqual(
      records.map(({ result }) => result),
      others.map((job) => ('a' in job ? job.a + 1 : `Hello, ${job.name}`)),
    );
    assert.equal(slow.got.length, slots, 'no more deliveries at once than there are slots');

    isHolding = false;
    for (const release of held) release();
    const delivered = await Promise.all((body['job_ids'] as string[]).map((jid) => ended(url, jid)));
    assert.ok(delivered.every(({ state }) => state === 'succeeded'));
    const numbers = slow.got.map((got) => Number(got.body)).sort((a, b) => a - b);
    assert.deepEqual(
      numbers,
      Array.from({ length: deliveries }, (_, n) => n),
    );
  });
});

describe('docs/delivery.md', () => {
  const text = readFileSync(pathOf('docs/delivery.md'), 'utf8');
  const blocks = (language: string): string[] =>
    [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block]) => block as string);
  const hasPython = spawnSync('python3', ['--version']).status === 0;
  const receivers: readonly [language: string, program: string, file: string, skip: string | false][] = [
    ['js', process.execPath, 'receiver.mjs', false],
    ['python', 'python3', 'receiver.py', !hasPython && 'no Python on this machine'],
  ];

  async function freePort(): Promise<number> {
    const server = createServer().listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return port;
  }

  /** As the page says, on another port. Resolves when it listens. */
  async function startExample(t: TestContext, language: string, program: string, file: string) {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'receiver-'));
    const parts = blocks(language);
    assert.equal(parts.length, 2);
    writeFileSync(join(folder, file), parts.join('\n').replaceAll('8080', String(port)));
    const child = spawnChild(program, [join(folder, file)], {
      env: { SECRET: secret },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const closed = once(child, 'close');
    t.after(async () => {
      child.kill('SIGKILL');
      await closed;
      rmSync(folder, { recursive: true });
    });
    const lines: string[] = [];
    const waiting: (() => void)[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      waiting.splice(0).forEach((wake) => wake());
    });
    const origin = `http://localhost:${port}`;
    const call = (headers: Record<string, string>, body: string, path = '/orders'): Promise<number> =>
      fetch(origin + path, { method: 'POST', headers, body }).then(
        ({ status }) => status,
        (error: unknown) => {
          if (child.exitCode !== null) throw error;
          return new Promise((resolve) => setImmediate(() => resolve(call(headers, body, path))));
        },
      );
    // Its line is the first one.
    assert.equal(await call({}, 'nobody signed this'), 401);
    const line = async (index: number): Promise<string> => {
      while (lines.length <= index) await new Promise<void>((resolve) => void waiting.push(resolve));
      return lines[index] as string;
    };
    return { origin, call, line };
  }

  const sign = (seconds: number, url: string, body: string, by = secret): string => {
    const hex = createHmac('sha256', by).update(`${seconds}.POST.${url}.${body}`).digest('hex');
    return `t=${seconds},v1=${hex}`;
  };

  for (const [language, program, file, skip] of receivers)
    it(`${file}: a request arrives, is retried and is verified; another is not`, { skip }, async (t) => {
      const { origin, call, line } = await startExample(t, language, program, file);
      const { url, fwp } = await startAllInOne(t, {
        HTTP_REQUEST_ALLOW: origin,
        HTTP_REQUEST_SECRET: `the-next-secret-1,${secret}`,
      });
      const { body } = await post(`${url}/jobs/http_request`, { url: `${origin}/orders`, json: { order: 4711 } });
      assert.equal(body['message'], 'Job enqueued: http_request');
      const jid = String(body['job_id']);
      assert.equal(await line(1), `503 attempt 1 of ${jid} {"order":4711}`);
      // The broker would wait for 15 s and more.
      let pending: Record_;
      do pending = (await get(`${url}/jobs/${jid}`)).body;
      while (pending['error'] === undefined);
      assert.equal(pending['state'], 'pending');
      assert.match(pending['error'] as string, /^localhost:\d+ answered 503: noted$/);
      let retries: unknown;
      do {
        assert.equal(
          await fwp.ask(`MUTATE ${JSON.stringify({ cmd: 'requeue', target: 'retries', filter: { jids: [jid] } })}`),
          '+OK',
        );
        retries = (await get(`${url}/jobs/${jid}`)).body['attempts'];
      } while (retries === 1);
      assert.equal(await line(2), `200 attempt 2 of ${jid} {"order":4711}`);
      const { state, result, attempts } = await ended(url, jid);
      assert.deepEqual(
        { state, result, attempts },
        { state: 'succeeded', result: { status: 200, body: 'noted' }, attempts: 2 },
      );

      const now = Math.floor(Date.now() / 1000);
      const first = { 'work-factory-attempt': '2' };
      const statusOf = (signature: string, text = 'a', path?: string): Promise<number> =>
        call({ ...first, 'work-factory-signature': signature }, text, path);
      const right = sign(now, `${origin}/orders`, 'a');
      assert.equal(await statusOf(right), 200);
      assert.equal(await statusOf(`${right},v1=${'0'.repeat(64)}`), 200);
      assert.equal(await statusOf(right, 'b'), 401);
      assert.equal(await statusOf(right, 'a', '/other'), 401);
      assert.equal(await statusOf(sign(now - 400, `${origin}/orders`, 'a')), 401);
      assert.equal(await statusOf(sign(now, `${origin}/orders`, 'a', 'another-secret-01')), 401);
      for (const broken of [
        '',
        't',
        `t=${now}`,
        `t=${now},v1=`,
        `t=${now},v1`,
        `t=,v1=zz`,
        `t=${now},v1=${'ü'.repeat(64)}`.replaceAll('ü', 'g'),
      ])
        assert.equal(await statusOf(broken), 401, broken);
    });
});
