// Several API processes behind one port, as an operator has them: started, restarted under load, killed, stopped.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startService, type Service } from '../helpers/service.ts';
import { until } from '../helpers/until.ts';

interface Running {
  broker: Service;
  api: Service;
  url: string;
}

async function startTwo(t: TestContext, env: Record<string, string> = {}, cwd?: string): Promise<Running> {
  const broker = startService(t, { FAKTORY_BIND: '127.0.0.1:0', FAKTORY_PASSWORD: 'of-the-test' }, 'broker');
  const { broker: address } = await broker.line(({ msg }) => msg?.startsWith('the broker listens') === true);
  const api = startService(
    t,
    {
      API_PROCESSES: '2',
      FAKTORY_URL: `tcp://:of-the-test@${String(address)}`,
      SHUTDOWN_DRAIN_DELAY_MS: '200',
      ...env,
    },
    'api',
    false,
    cwd,
  );
  await api.line(({ msg }) => msg === 'the API processes are ready');
  return { broker, api, url: await api.readyUrl() };
}

const pidsThatListened = ({ lines }: Service): number[] =>
  lines.filter(({ msg }) => msg === 'the API listens').map(({ pid }) => pid as number);

/** Posts with kept connections until `isOver`; resolves with the number of 202 and with everything else. */
async function postUntil(url: string, isOver: () => boolean): Promise<{ stored: number; others: unknown[] }> {
  const agent = new Agent({ keepAlive: true });
  const others: unknown[] = [];
  let stored = 0;
  const post = (): Promise<void> =>
    new Promise((resolve) => {
      const headers = { 'content-type': 'application/json' };
      const sent = request(`${url}/jobs/add`, { method: 'POST', agent, headers }, (response) => {
        if (response.statusCode === 202) stored++;
        else others.push(response.statusCode);
        response.resume().on('end', resolve);
      });
      sent.on('error', (error) => {
        others.push(error);
        resolve();
      });
      sent.end('{"a":1,"b":2}');
    });
  const callers = Array.from({ length: 4 }, async () => {
    while (!isOver()) await post();
  });
  await Promise.all(callers);
  agent.destroy();
  return { stored, others };
}

async function countOf(url: string, metric: RegExp): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return Number(metric.exec(page)?.[1] ?? Number.NaN);
}

/** A file of JOBS_DIR that waits without end. */
const stuckJob = `
import { appendFileSync } from 'node:fs';
appendFileSync(process.env.STARTS, '.');
await new Promise(() => undefined);`;

describe('API_PROCESSES=2', () => {
  it('restarts under load on SIGHUP without a failed request, and goes on counting', async (t) => {
    // Each caller has a response in this time, which tells it to leave the connection before it is closed.
    const { api, url } = await startTwo(t, { SHUTDOWN_DRAIN_DELAY_MS: '2000' });
    let isOver = false;
    const traffic = postUntil(url, () => isOver);
    api.process.kill('SIGHUP');
    await api.line(({ msg }) => msg === 'the API processes have restarted');
    isOver = true;
    const { stored, others } = await traffic;
    assert.deepEqual(others, []);
    assert.ok(stored > 10);
    assert.equal(new Set(pidsThatListened(api)).size, 4);
    assert.equal(await countOf(url, /^work_factory_jobs_total\{.*outcome="enqueued"\} (\d+)$/m), stored);
    assert.equal(await api.end(), 0);
  });

  it('reads .env anew on SIGHUP', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'env-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, '.env'), 'API_KEYS=of-yesterday-0123456789\n');
    const { api, url } = await startTwo(t, {}, folder);
    const statusWith = async (key: string): Promise<number> =>
      (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}`, connection: 'close' } })).status;
    assert.equal(await statusWith('of-yesterday-0123456789'), 200);
    await writeFile(join(folder, '.env'), 'API_KEYS=of-today-0123456789\n');
    api.process.kill('SIGHUP');
    await api.line(({ msg }) => msg === 'the API processes have restarted');
    assert.deepEqual(
      [await statusWith('of-yesterday-0123456789'), await statusWith('of-today-0123456789')],
      [401, 200],
    );
    assert.equal(await api.end(), 0);
  });

  it('replaces a process that is killed', async (t) => {
    const { api, url } = await startTwo(t);
    const [killed] = pidsThatListened(api);
    process.kill(killed as number, 'SIGKILL');
    const line = await api.line(({ msg }) => msg === 'an API process ended by itself');
    assert.deepEqual([line['process'], line['signal']], [killed, 'SIGKILL']);
    await api.line(({ msg }) => msg === 'an API process was started again');
    assert.equal((await fetch(`${url}/ready`)).status, 200);
    assert.equal(await api.end(), 0);
  });

  it('ends in order when the supervisor is killed', async (t) => {
    const { api } = await startTwo(t);
    api.process.kill('SIGKILL');
    for (const pid of pidsThatListened(api)) {
      await until(`the end of process ${pid}`, () => !isAlive(pid));
      const own = api.lines.filter((line) => line['pid'] === pid).map(({ msg }) => msg);
      assert.ok(own.includes('stopping'), own.join(', '));
    }
  });

  it('ends a process at once that is still starting when the supervisor is killed', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'jobs-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const starts = join(folder, '_starts');
    await writeFile(starts, '');
    await writeFile(join(folder, 'stuck.mjs'), stuckJob);
    const env = { API_PROCESSES: '2', FAKTORY_URL: 'tcp://127.0.0.1:1', JOBS_DIR: folder, STARTS: starts };
    const api = startService(t, env, 'api', false);
    await until('a start', async () => (await readFile(starts, 'utf8')) !== '');
    // All processes have closed their output.
    const closed = once(api.process, 'close');
    api.process.kill('SIGKILL');
    await closed;
    const ends = api.lines.filter(({ msg }) => msg?.startsWith('stopp'));
    assert.deepEqual(
      ends.map(({ msg }) => msg),
      ['stopped before the start'],
    );
  });

  it('is refused in the process that holds the broker', async (t) => {
    const all = startService(t, { API_PROCESSES: '2' });
    assert.equal(await all.exited, 1);
    assert.match(all.lines.map(({ msg }) => msg).join('\n'), /API_PROCESSES=2 needs FAKTORY_URL/);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
