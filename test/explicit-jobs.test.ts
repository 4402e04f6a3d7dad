// Jobs of the explicit form on their whole way: posted to the program, and fetched from the broker as another worker would,
// from a real Faktory and from the embedded broker. Then the other direction: our worker runs what the stock client pushed.
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import { Client } from 'faktory-worker';
import { decodeArgs } from '../src/domain/large-args.ts';
import { connectFwp, type FwpClient } from './broker/fwp-client.ts';
import { startBroker } from './helpers/broker.ts';
import { writeJobs } from './helpers/job-folder.ts';
import { startFaktory } from './helpers/real-faktory.ts';
import { faktoryPath, redisServerPath } from './helpers/real-parts.ts';
import { startRedis } from './helpers/redis.ts';
import { get, post, startService } from './helpers/service.ts';
import { createSuite } from './helpers/suite.ts';

const noRedis = redisServerPath() === undefined && 'no Redis on this machine';

interface Server {
  port: number;
  url: string;
}

const servers: readonly [
  name: string,
  skip: string | false,
  start: (t: Pick<TestContext, 'after'>) => Promise<Server>,
][] = [
  ['the embedded broker', false, startBroker],
  ['a real Faktory', faktoryPath() === undefined && 'no Faktory on this machine', startFaktory],
];

const resize = `queue: 'images', retry: 3, compress: true, args: z.object({ pixels: z.array(z.string()) }),
  run: ({ pixels }, { requestId }) => ({ count: pixels.length, last: pixels.at(-1), requestId })`;

type Fields = Record<string, unknown>;

async function startApi(t: Pick<TestContext, 'after'>, { url }: Server): Promise<string> {
  const jobs = { JOBS_DIR: await writeJobs(t, { resize }), PASSTHROUGH_JOBTYPES: 'Ruby::Mailer,go.*' };
  return startService(t, { FAKTORY_URL: url, SHUTDOWN_DRAIN_DELAY_MS: '0', ...jobs }, 'api').readyUrl();
}

async function accepted(url: string, body: object): Promise<string> {
  const { status, body: told } = await post(`${url}/jobs`, body);
  assert.equal(status, 202, JSON.stringify(told));
  return String(told['job_id']);
}

/** Fetches until the queue has a job: a FETCH waits for 2 s, and Faktory looks for due jobs every 5 s. */
async function fetchFrom(fwp: FwpClient, queue: string): Promise<Fields> {
  for (let turn = 0; turn < 10; turn++) {
    const reply = await fwp.ask(`FETCH ${queue}`);
    if (reply === null) continue;
    const { created_at, enqueued_at, ...job } = JSON.parse(reply) as Fields;
    assert.ok(typeof created_at === 'string' && typeof enqueued_at === 'string', reply);
    assert.equal(await fwp.ask(`ACK ${JSON.stringify({ jid: job['jid'] })}`), '+OK');
    return job;
  }
  throw new Error(`nothing came from ${queue}`);
}

async function scheduledOn(fwp: FwpClient): Promise<number> {
  const { faktory } = (await fwp.askJson('INFO')) as { faktory: { tasks: { Scheduled: { size: number } } } };
  return faktory.tasks.Scheduled.size;
}

const args = [1, 'grüße 😀', { deep: [null, -1.5e-7, { quote: '"\\' }] }, ['<a href="x">&</a>', '\u2028']];

for (const [name, skip, start] of servers) {
  describe(`explicit jobs on ${name}`, { skip, concurrency: true }, () => {
    const suite = createSuite();
    let server: Server;
    let url: string;
    before(async () => {
      server = await start(suite);
      url = await startApi(suite, server);
    });

    it('arrive as they were written', async (t) => {
      const fwp = await connectFwp(t, { port: server.port, wid: 'worker-0001' });
      const custom = { tenant: ['ä', 7], trace: { id: null } };
      const options = { queue: 'mails', retry: 0, reserve_for: 3600, custom, request_id: 'r-1' };
      const jid = await accepted(url, { jobtype: 'Ruby::Mailer', args, ...options });
      const sent = { jid, jobtype: 'Ruby::Mailer', args, queue: 'mails', retry: 0, reserve_for: 3600 };
      assert.deepEqual(await fetchFrom(fwp, 'mails'), { ...sent, custom: { ...custom, request_id: 'r-1' } });

      const plain = await accepted(url, { jobtype: 'go.Task', args: [], queue: 'go' });
      const defaults = { retry: 25, reserve_for: 1800 };
      assert.deepEqual(await fetchFrom(fwp, 'go'), {
        jid: plain,
        jobtype: 'go.Task',
        args: [],
        queue: 'go',
        ...defaults,
      });
    });

    it('are in the scheduled set until their time, and come then', async (t) => {
      const fwp = await connectFwp(t, { port: server.port, wid: 'worker-0002' });
      const atMs = Date.now() + 4000;
      const given = { jobtype: 'go.Later', args, queue: 'later', retry: -1, custom: { tenant: 7 } };
      const jid = await accepted(url, { ...given, at: new Date(atMs).toISOString() });
      assert.equal(await scheduledOn(fwp), 1);
      const job = await fetchFrom(fwp, 'later');
      assert.ok(Date.now() >= atMs, 'it came before its time');
      assert.deepEqual(job, { jid, ...given, reserve_for: 1800, at: new Date(atMs).toISOString() });
      assert.equal(await scheduledOn(fwp), 0);
    });

    it('carry large arguments compressed, where their type says so, and as they are elsewhere', async (t) => {
      const fwp = await connectFwp(t, { port: server.port, wid: 'worker-0003' });
      const pixels = Array.from({ length: 4000 }, (_, index) => `grün ${index}`);
      const own = await accepted(url, { operation: 'resize', args: { pixels }, custom: { tenant: 7 } });
      const job = await fetchFrom(fwp, 'images');
      const custom = { tenant: 7, content_encoding: 'gzip' };
      assert.deepEqual([job['jid'], job['retry'], job['custom']], [own, 3, custom]);
      assert.match(JSON.stringify(job['args']), /^\[{"\$encoding":"gzip\+base64","bytes":\d+,"data":"[^"]+"}\]$/);
      assert.deepEqual(decodeArgs(job['args'], job['custom'], 65_536), { args: [{ pixels }] });

      await accepted(url, { jobtype: 'go.Large', args: pixels, queue: 'large' });
      assert.deepEqual((await fetchFrom(fwp, 'large'))['args'], pixels);
    });

    it('of a declared type that the stock client pushed are run by our worker', { skip: noRedis }, async (t) => {
      const { url: redisUrl } = await startRedis(t);
      const jobs = { JOBS_DIR: await writeJobs(t, { resize }) };
      const env = { FAKTORY_URL: server.url, RESULTS_URL: redisUrl, SHUTDOWN_DRAIN_DELAY_MS: '0', ...jobs };
      startService(t, env, 'worker');
      const ownUrl = await startService(t, env, 'api').url();
      const client = new Client({ host: '127.0.0.1', port: server.port });
      const job = client.job('resize', { pixels: ['a', 'grün'] });
      Object.assign(job, { queue: 'images', retry: 2, custom: { request_id: 'stock-1' } });
      const jid = await job.push();
      await client.close();
      const { status, body } = await get(`${ownUrl}/jobs/${jid}?wait=30`);
      assert.deepEqual([status, body['state']], [200, 'succeeded'], JSON.stringify(body));
      assert.deepEqual(body['result'], { count: 2, last: 'grün', requestId: 'stock-1' });
    });
  });
}
