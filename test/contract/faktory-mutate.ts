// MUTATE on every server that speaks FWP: what Faktory 1.9.4 does with it. What the embedded broker adds is in test/broker.
import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { connectFwp, makeJob, type FwpClient } from '../broker/fwp-client.ts';
import type { StartServer } from './faktory-protocol.ts';

type SetName = 'scheduled' | 'retries' | 'dead';
type Counts = Record<SetName, number> & { queued: number };

const push = (jobs: unknown): string => `PUSHB ${JSON.stringify(jobs)}`;
const mutate = (cmd: string, target: string, filter?: unknown): string =>
  `MUTATE ${JSON.stringify({ cmd, target, filter })}`;

async function countsOf(client: FwpClient): Promise<Counts> {
  const { faktory } = (await client.askJson('INFO')) as {
    faktory: { sets: Record<SetName, number>; total_enqueued: number };
  };
  const { scheduled, retries, dead } = faktory.sets;
  return { scheduled, retries, dead, queued: faktory.total_enqueued };
}

const none: Counts = { scheduled: 0, retries: 0, dead: 0, queued: 0 };

/** These jobs fail once: the set is `retries`, or with `retry` -1 `dead`. */
async function failed(client: FwpClient, jobs: { jid: string }[]): Promise<void> {
  await client.ask(push(jobs));
  for (const { jid } of jobs) {
    await client.ask('FETCH default');
    assert.equal(await client.ask(`FAIL {"jid":"${jid}","message":"m","errtype":"E"}`), '+OK');
  }
}

const later = (fields: Record<string, unknown> = {}) => makeJob({ at: '2100-01-01T00:00:00Z', ...fields });

export function mutateSuite(name: string, startServer: StartServer, skip: string | false = false): void {
  describe(`MUTATE on ${name}`, { skip, concurrency: false }, () => {
    let started: ReturnType<StartServer> | undefined;
    const closers: (() => unknown)[] = [];
    const scope = { after: (fn: () => unknown) => void closers.push(fn) } as TestContext;

    const startedServer = (): ReturnType<StartServer> => (started ??= startServer(scope));

    /** An empty server. */
    async function open(t: TestContext): Promise<FwpClient> {
      const client = await connectFwp(t, { port: (await startedServer()).port });
      await client.ask('FLUSH');
      return client;
    }

    after(async () => {
      for (const close of closers.reverse()) await close();
    });

    it('a late ACK of a job that another worker has now ends it for both', async (t) => {
      const client = await open(t);
      const [late, holder] = [
        await connectFwp(t, { port: (await startedServer()).port, wid: 'late' }),
        await connectFwp(t, { port: (await startedServer()).port, wid: 'holder' }),
      ];
      const { jid } = makeJob();
      await client.ask(push([makeJob({ jid })]));
      await late.ask('FETCH default');
      assert.equal(await client.ask(`FAIL {"jid":"${jid}","message":"m","errtype":"E"}`), '+OK');
      assert.equal(await client.ask(mutate('requeue', 'retries')), '+OK');
      assert.equal((await holder.askJson('FETCH default'))['jid'], jid);
      assert.equal(await late.ask(`ACK {"jid":"${jid}"}`), '+OK');
      assert.equal(await holder.ask(`FAIL {"jid":"${jid}"}`), `-ERR Job not found ${jid}`);
      assert.equal(await holder.ask(`ACK {"jid":"${jid}"}`), '+OK');
      assert.deepEqual(await countsOf(client), none);
    });

    it('refuses what it does not know, in the order of its checks', async (t) => {
      const client = await open(t);
      for (const text of [
        '{"cmd":7}',
        '[]',
        '{"cmd":"clear","target":7}',
        '{"filter":{"jids":"a"}}',
        '{"filter":[]}',
      ]) {
        assert.match(String(await client.ask(`MUTATE ${text}`)), /^-ERR json: cannot unmarshal /, text);
      }
      assert.match(String(await client.ask('MUTATE {')), /^-ERR /);
      for (const text of ['{}', 'null', '{"cmd":"Clear","target":"dead"}', '{"cmd":"nonsense","target":"nowhere"}']) {
        assert.equal(await client.ask(`MUTATE ${text}`), '-ERR unknown mutate operation', text);
      }
      for (const target of ['', 'Dead', 'working', 'default']) {
        for (const cmd of ['clear', 'kill', 'discard', 'requeue']) {
          const reply = await client.ask(mutate(cmd, target));
          assert.equal(reply, '-ERR invalid target for mutation command', `${cmd} ${target}`);
        }
      }
    });

    it('clears a set, whatever the filter says', async (t) => {
      const client = await open(t);
      await client.ask(push([later(), later()]));
      assert.equal(await client.ask(mutate('clear', 'retries')), '+OK');
      assert.deepEqual(await countsOf(client), { ...none, scheduled: 2 });
      assert.equal(await client.ask(mutate('clear', 'scheduled', { jobtype: 'other' })), '+OK');
      assert.deepEqual(await countsOf(client), none);
      await client.ask(push([later()]));
      assert.deepEqual(await countsOf(client), { ...none, scheduled: 1 });
    });

    it('discards all without a filter, or with an empty one', async (t) => {
      const client = await open(t);
      for (const filter of [
        undefined,
        null,
        {},
        { jids: [], regexp: '', jobtype: '' },
        { jids: null },
        { regexp: '*' },
      ]) {
        await client.ask(push([later(), later()]));
        assert.equal(await client.ask(mutate('discard', 'scheduled', filter)), '+OK');
        assert.deepEqual(await countsOf(client), none, JSON.stringify(filter));
      }
    });

    it('discards by jids, which win over the other filters', async (t) => {
      const client = await open(t);
      const jobs = [later(), later(), later()];
      await client.ask(push(jobs));
      const [first, second] = jobs;
      const jids = [first?.jid, 'never-seen-1', second?.jid.slice(0, -1)];
      assert.equal(await client.ask(mutate('discard', 'scheduled', { jids, jobtype: 'nothing' })), '+OK');
      assert.deepEqual(await countsOf(client), { ...none, scheduled: 2 });
      assert.equal(
        await client.ask(`MUTATE {"Target":"scheduled","CMD":"discard","FILTER":{"JIDS":["${second?.jid}"]},"x":1}`),
        '+OK',
      );
      assert.deepEqual(await countsOf(client), { ...none, scheduled: 1 });
    });

    it('requeues what has failed, which fails on from there', async (t) => {
      const client = await open(t);
      const [job, other] = [makeJob({ jobtype: 'again' }), makeJob({ jobtype: 'stays' })];
      await failed(client, [job, other]);
      await client.ask(push([makeJob({ jid: 'before-it-1' })]));
      assert.equal(await client.ask(mutate('requeue', 'retries', { jobtype: 'again' })), '+OK');
      assert.deepEqual(await countsOf(client), { ...none, retries: 1, queued: 2 });
      assert.equal((await client.askJson('FETCH default'))['jid'], 'before-it-1');
      const again = (await client.askJson('FETCH default')) as { jid: string; failure: { retry_count: number } };
      assert.deepEqual([again.jid, again.failure.retry_count], [job.jid, 0]);
      assert.equal(await client.ask(`FAIL {"jid":"${job.jid}"}`), '+OK');
      await client.ask(mutate('requeue', 'retries', { jids: [job.jid] }));
      assert.equal(((await client.askJson('FETCH default'))['failure'] as { retry_count: number }).retry_count, 1);
    });

    it('requeues the scheduled and the dead, each to the tail of its own queue', async (t) => {
      const client = await open(t);
      const [scheduled, dead] = [later({ queue: 'other' }), makeJob({ retry: -1 })];
      await failed(client, [dead]);
      await client.ask(push([scheduled]));
      for (const target of ['scheduled', 'dead']) assert.equal(await client.ask(mutate('requeue', target)), '+OK');
      assert.deepEqual(await countsOf(client), { ...none, queued: 2 });
      const { at, args } = await client.askJson('FETCH other');
      assert.deepEqual([at, args], [scheduled['at'], []]);
      assert.equal((await client.askJson('FETCH default'))['jid'], dead.jid);
    });

    it('kills, unchanged, and what is dead stays so', async (t) => {
      const client = await open(t);
      const jobs = [later({ jobtype: 'a' }), later({ jobtype: 'b' })];
      await client.ask(push(jobs));
      assert.equal(await client.ask(mutate('kill', 'scheduled', { jobtype: 'a' })), '+OK');
      assert.deepEqual(await countsOf(client), { ...none, scheduled: 1, dead: 1 });
      assert.equal(await client.ask(mutate('kill', 'dead', { jobtype: 'a' })), '+OK');
      assert.equal(await client.ask(mutate('kill', 'dead')), '+OK');
      assert.deepEqual(await countsOf(client), { ...none, scheduled: 1, dead: 1 });
      await client.ask(mutate('requeue', 'dead'));
      const { created_at: _, enqueued_at: __, ...job } = await client.askJson('FETCH default');
      assert.deepEqual(job, { retry: 25, queue: 'default', ...jobs[0] });
    });

    it('does not count what it moves as processed or failed', async (t) => {
      const client = await open(t);
      await client.ask(push([later(), later()]));
      await client.ask(mutate('kill', 'scheduled'));
      await client.ask(mutate('discard', 'dead', { jobtype: 'test' }));
      const { faktory } = (await client.askJson('INFO')) as { faktory: Record<string, number> };
      assert.deepEqual([faktory['total_processed'], faktory['total_failures']], [0, 0]);
    });

    it('matches patterns with the job as Go writes it', async (t) => {
      const client = await open(t);
      const job = later({
        jobtype: 'send<mail>',
        args: [{ b: 1.0, a: 'x*y', uid: 'uid:12345' }],
        custom: { z: 1, a: { d: 1, c: 'é' } },
        reserve_for: 100,
      });
      const holding = [
        '*',
        '*uid:12345*',
        '{"retry":25,"custom":{"a":{"c":"é","d":1},"z":1},"jid":*',
        '*"args":\\[{"a":"x\\*y","b":1,"uid":"uid:12345"}\\],"reserve_for":100}',
        '*send\\\\u003cmail\\\\u003e*',
        '*"jid":"job-[0-9]*-*',
        '*uid:1234[4-6]"*',
        '*uid:1234[6-4]"*',
        '*uid:1234[^a-z]"*',
        '*uid:123?5*',
        '*uid:12345[",]*',
        '**uid**12345**',
      ];
      const missing = ['uid:12345', '*UID*', '{"jid":*', '*uid:1234[^0-9]*', '*x*y"}', '*send<mail>*'];
      for (const regexp of holding) {
        await client.ask(push([job]));
        assert.equal(await client.ask(mutate('discard', 'scheduled', { regexp })), '+OK', regexp);
        assert.deepEqual(await countsOf(client), none, regexp);
      }
      await client.ask(push([job]));
      for (const regexp of missing) {
        await client.ask(mutate('discard', 'scheduled', { regexp }));
        assert.deepEqual(await countsOf(client), { ...none, scheduled: 1 }, regexp);
      }
    });

    it('wants both a pattern and a jobtype to hold when both are given', async (t) => {
      const client = await open(t);
      await client.ask(
        push([
          later({ jobtype: 'a', args: ['one'] }),
          later({ jobtype: 'a', args: ['two'] }),
          later({ args: ['one'] }),
        ]),
      );
      await client.ask(mutate('discard', 'scheduled', { jobtype: 'a', regexp: '*one*' }));
      assert.deepEqual(await countsOf(client), { ...none, scheduled: 2 });
      await client.ask(mutate('discard', 'scheduled', { jobtype: '[ab]', regexp: '*' }));
      assert.deepEqual(await countsOf(client), { ...none, scheduled: 2 });
      await client.ask(mutate('discard', 'scheduled', { jobtype: '[ab]' }));
      assert.deepEqual(await countsOf(client), { ...none, scheduled: 1 });
    });

    it('sees what the commands before it on the same connection have stored', async (t) => {
      const client = await open(t);
      const jobs = Array.from({ length: 50 }, () => later());
      const replies = jobs.flatMap((job) => [
        client.ask(push([job])),
        client.ask(mutate('discard', 'scheduled', { jids: [job.jid] })),
      ]);
      assert.deepEqual(
        await Promise.all(replies),
        jobs.flatMap(() => ['{}', '+OK']),
      );
      assert.deepEqual(await countsOf(client), none);
    });
  });
}
