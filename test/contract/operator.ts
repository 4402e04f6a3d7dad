// What operators can rely on over HTTP, on every broker; where brokers differ the target says what this one can.
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { OperatorTarget } from '../helpers/operator-targets.ts';
import { connectFwp, makeJob, type FwpClient } from '../broker/fwp-client.ts';

export interface OperatorSuite {
  name: string;
  open: (t: Pick<TestContext, 'after'>) => Promise<OperatorTarget>;
  /** It lists its sets, tells what is paused and how many jobs it changed. */
  isEmbedded: boolean;
  skip?: string | false;
}

interface SetResponse {
  set: string;
  total: number;
  jobs: Record<string, unknown>[];
  cursor: string | null;
}

const later = (fields: Record<string, unknown> = {}) => makeJob({ at: '2100-01-01T00:00:00Z', ...fields });

export function operatorContract({ name, open, isEmbedded, skip = false }: OperatorSuite): void {
  describe(`operating ${name}`, { skip, concurrency: false }, () => {
    let target: OperatorTarget;
    let client: FwpClient;
    const closers: (() => unknown)[] = [];
    const scope = { after: (fn: () => unknown) => void closers.push(fn) } as TestContext;

    before(async () => {
      target = await open(scope);
      client = await connectFwp(scope, { port: target.port });
    });
    after(async () => {
      for (const close of closers.reverse()) await close();
    });

    async function fill(...jobs: object[]): Promise<void> {
      await client.ask('FLUSH');
      assert.equal(await client.ask(`PUSHB ${JSON.stringify(jobs)}`), '{}');
    }

    it('lists queues by name, with what waits in them', async () => {
      await fill(makeJob({ queue: 'b' }), makeJob({ queue: 'a' }), makeJob({ queue: 'b' }), later({ queue: 'c' }));
      const response = await target.get('/queues');
      assert.equal(response.statusCode, 200);
      assert.equal(response.headers['cache-control'], 'no-store');
      const { queues } = response.json<{ queues: { name: string; depth: number; latency_seconds: number }[] }>();
      const paused = isEmbedded ? false : null;
      assert.ok(queues.every(({ latency_seconds: seconds }) => seconds >= 0 && seconds < 3600));
      assert.deepEqual(
        queues.map(({ latency_seconds: _, ...queue }) => queue),
        [
          { name: 'a', depth: 1, paused },
          { name: 'b', depth: 2, paused },
        ],
      );
    });

    it('has three sets and no other', async () => {
      for (const path of ['/sets/working', '/sets/default', '/sets/Dead', '/sets'])
        assert.equal((await target.get(path)).statusCode, 404, path);
    });

    actions();
    if (isEmbedded) listing();
    else
      it('says that it cannot list a set, and where that can be seen', async () => {
        for (const [set, page] of Object.entries({ scheduled: 'scheduled', retries: 'retries', dead: 'morgue' })) {
          const response = await target.get(`/sets/${set}`);
          assert.equal(response.statusCode, 501);
          const problem = response.json<Record<string, unknown>>();
          assert.deepEqual([problem['code'], problem['page']], ['not_supported', `http://127.0.0.1:7420/${page}`]);
          assert.match(String(problem['detail']), /^Faktory does not list .* http:\/\/127\.0\.0\.1:7420\//);
        }
      });

    async function countsOf(): Promise<Record<string, number>> {
      const { faktory } = (await client.askJson('INFO')) as {
        faktory: { sets: Record<string, number>; total_enqueued: number };
      };
      const { scheduled = 0, retries = 0, dead = 0 } = faktory.sets;
      return { scheduled, retries, dead, queued: faktory.total_enqueued };
    }

    const none = { scheduled: 0, retries: 0, dead: 0, queued: 0 };

    function actions(): void {
      it('pauses a queue, and resumes it', async () => {
        const job = makeJob({ queue: 'held' });
        await fill(job);
        const paused = await target.post('/queues/held/pause', '');
        assert.deepEqual([paused.statusCode, paused.json()], [200, { name: 'held', paused: true }]);
        if (isEmbedded) {
          const { queues } = (await target.get('/queues')).json<{ queues: { paused: boolean }[] }>();
          assert.equal(queues[0]?.paused, true);
        }
        assert.equal(await client.ask('FETCH held'), null);
        const resumed = await target.post('/queues/held/resume', {});
        assert.deepEqual([resumed.statusCode, resumed.json()], [200, { name: 'held', paused: false }]);
        assert.equal((await client.askJson('FETCH held'))['jid'], job.jid);
        await client.ask(`ACK {"jid":"${job.jid}"}`);
      });

      it('answers 404 to a queue that is not there', async () => {
        for (const name of ['nothing-here', 'a%20b', '*', '__proto__'])
          assert.equal((await target.post(`/queues/${name}/pause`, {})).statusCode, 404, name);
      });

      it('retries, discards and kills one job', async () => {
        const [retried, discarded, killed, kept] = [later(), later(), later(), later()];
        await fill(retried, discarded, killed, kept);
        for (const [action, { jid }] of [
          ['retry', retried],
          ['discard', discarded],
          ['kill', killed],
        ] as const) {
          const response = await target.post(`/sets/scheduled/${jid}/${action}`, {});
          const expected = isEmbedded ? [200, { job_id: jid }] : [202, { affected: null }];
          assert.deepEqual([response.statusCode, response.json()], expected, action);
        }
        assert.deepEqual(await countsOf(), { scheduled: 1, retries: 0, dead: 1, queued: 1 });
        const again = await target.post(`/sets/scheduled/${retried.jid}/retry`, {});
        assert.equal(again.statusCode, isEmbedded ? 404 : 202);
        assert.equal((await target.post(`/sets/working/${kept.jid}/retry`, {})).statusCode, 404);
        assert.equal((await target.post(`/sets/dead/${killed.jid}/retry`, {})).statusCode, isEmbedded ? 200 : 202);
        assert.deepEqual(await countsOf(), { scheduled: 1, retries: 0, dead: 0, queued: 2 });
      });

      it('changes the jobs that are named, and those of exactly one jobtype', async () => {
        const strange = 'a*b [c] <d> \\"e\\" ü?';
        const jobs = [
          later({ jobtype: strange }),
          later({ jobtype: 'a' }),
          later({ jobtype: 'axxb [c] <d> \\"e\\" ü?' }),
          later({ jobtype: 'b', args: [{ jobtype: 'a', created_at: 1 }, '"jobtype":"a","created_at":"'] }),
          later({ jobtype: 'b', custom: { jobtype: 'a' } }),
          later({ jobtype: 'a*' }),
        ];
        await fill(...jobs);
        const change = async (action: string, body: object): Promise<unknown> => {
          const response = await target.post(`/sets/scheduled/${action}`, body);
          assert.equal(response.statusCode, isEmbedded ? 200 : 202, response.payload);
          return response.json<{ affected: unknown }>().affected;
        };
        const told = (count: number) => (isEmbedded ? count : null);
        assert.equal(await change('discard', { jobtype: strange }), told(1));
        assert.equal((await countsOf())['scheduled'], 5);
        assert.equal(await change('kill', { jobtype: 'a' }), told(1));
        assert.equal(await change('kill', { jobtype: 'a' }), told(0));
        assert.deepEqual(await countsOf(), { ...none, scheduled: 4, dead: 1 });
        assert.equal(await change('retry', { jobtype: 'a*' }), told(1));
        assert.deepEqual(await countsOf(), { ...none, scheduled: 3, dead: 1, queued: 1 });
        const named = [jobs[2]?.jid, jobs[4]?.jid, 'never-seen', 'with a space'];
        assert.equal(await change('discard', { job_ids: named }), told(2));
        assert.equal((await countsOf())['scheduled'], 1);
      });

      it('refuses bodies that do not say which jobs, and changes nothing', async () => {
        await fill(later());
        for (const [body, status] of [
          [{}, 422],
          ['', 422],
          [[], 422],
          [{ jobtype: 'test', job_ids: ['a'] }, 422],
          [{ jobtype: '' }, 422],
          [{ jobtype: 'x'.repeat(201) }, 422],
          [{ job_ids: [] }, 422],
          [{ job_ids: [7] }, 422],
          [{ job_ids: 'a' }, 422],
          [{ job_ids: Array.from({ length: 1001 }, () => 'a') }, 422],
          [{ jobtype: 'test', limit: 1 }, 422],
          ['{', 400],
          [{ job_ids: Array.from({ length: 1000 }, () => 'x'.repeat(300)) }, 413],
        ] as const) {
          const response = await target.post('/sets/scheduled/discard', body);
          assert.equal(response.statusCode, status, JSON.stringify(body).slice(0, 80));
        }
        assert.equal((await target.post('/sets/scheduled/job-x-y-z/discard', { all: true })).statusCode, 422);
        assert.deepEqual(await countsOf(), { ...none, scheduled: 1 });
      });
    }

    function listing(): void {
      const list = async (query = '', set = 'scheduled'): Promise<SetResponse> => {
        const response = await target.get(`/sets/${set}${query}`);
        assert.equal(response.statusCode, 200, response.payload);
        return response.json<SetResponse>();
      };

      it('lists a set by time, page by page, until the cursor is null', async () => {
        const jobs = [3, 1, 2, 5, 4].map((day) => later({ at: `2100-01-0${day}T00:00:00Z` }));
        await fill(...jobs);
        const seen: unknown[] = [];
        const sizes: number[] = [];
        for (let cursor: string | null = ''; cursor !== null;) {
          const page: SetResponse = await list(`?limit=2&cursor=${cursor}`);
          assert.deepEqual([page.set, page.total], ['scheduled', 5]);
          seen.push(...page.jobs.map(({ job_id }) => job_id));
          sizes.push(page.jobs.length);
          cursor = page.cursor;
        }
        const byTime = [...jobs].sort((one, other) => (String(one['at']) < String(other['at']) ? -1 : 1));
        assert.deepEqual(
          seen,
          byTime.map(({ jid }) => jid),
        );
        assert.deepEqual(sizes, [2, 2, 1]);
        assert.equal((await list('?limit=5')).cursor, null);
        assert.deepEqual((await list('', 'dead')).jobs, []);
      });

      it('has the fields of a job as the broker keeps them, and why it failed', async () => {
        const scheduled = later({ jobtype: 'resize', queue: 'images', args: [{ url: 'u' }, 7] });
        await fill(scheduled, makeJob({ jid: 'failing-1', retry: 3 }), makeJob({ jid: 'failing-2', retry: -1 }));
        assert.deepEqual((await list()).jobs, [
          {
            ...{ job_id: scheduled.jid, jobtype: 'resize', queue: 'images', args: [{ url: 'u' }, 7] },
            at: '2100-01-01T00:00:00.000Z',
          },
        ]);
        for (const jid of ['failing-1', 'failing-2']) {
          await client.ask('FETCH default');
          await client.ask(`FAIL {"jid":"${jid}","message":"no such file","errtype":"ENOENT"}`);
        }
        const told = { jobtype: 'test', queue: 'default', args: [], errtype: 'ENOENT', error: 'no such file' };
        const [retried] = (await list('', 'retries')).jobs;
        const { at, failed_at: failedAt, ...rest } = retried ?? {};
        assert.deepEqual(rest, { job_id: 'failing-1', ...told, retry_count: 0 });
        assert.ok(Date.parse(String(at)) > Date.parse(String(failedAt)));
        const [dead] = (await list('', 'dead')).jobs;
        const { failed_at: deadAt, ...deadRest } = dead ?? {};
        assert.deepEqual(deadRest, { job_id: 'failing-2', ...told, retry_count: 0 });
        assert.ok(Date.parse(String(deadAt)) > 0);
      });

      it('lists jobs of one jobtype, exactly', async () => {
        const jobs = [
          later({ jobtype: 'a' }),
          later({ jobtype: 'ab' }),
          later({ jobtype: 'b', args: [{ jobtype: 'a' }] }),
          later({ jobtype: 'a' }),
          later({ jobtype: 'a*' }),
        ];
        await fill(...jobs);
        const page = await list('?jobtype=a');
        assert.deepEqual(
          page.jobs.map(({ job_id }) => job_id),
          [jobs[0]?.jid, jobs[3]?.jid],
        );
        assert.deepEqual([page.total, page.cursor], [5, null]);
        assert.equal((await list('?jobtype=a*')).jobs.length, 1);
      });

      it('cuts what a client may have written without end', async () => {
        const args = ['x'.repeat(5000)];
        await fill(later({ jobtype: 'j'.repeat(5000), args }), makeJob({ jid: 'long-error', retry: -1 }));
        const [job] = (await list()).jobs;
        assert.equal(String(job?.['jobtype']).length, 200);
        assert.equal(job?.['args'], `${JSON.stringify(args).slice(0, 999)}…`);
        await client.ask('FETCH default');
        await client.ask(`FAIL ${JSON.stringify({ jid: 'long-error', message: 'm'.repeat(900), errtype: 'E' })}`);
        assert.equal(String((await list('', 'dead')).jobs[0]?.['error']).length, 500);
      });

      it('refuses cursors that no page gave, wrong limits and unknown parameters', async () => {
        await fill(later());
        for (const [query, pointer] of [
          ['cursor=x', '/cursor'],
          ['cursor=1', '/cursor'],
          ['cursor=1-', '/cursor'],
          ['cursor=9999999999999999-1', '/cursor'],
          ['cursor=-1-1', '/cursor'],
          [`cursor=${'1'.repeat(100)}-1`, '/cursor'],
          ['cursor=1-1&cursor=1-1', '/cursor'],
          ['limit=0', '/limit'],
          ['limit=1001', '/limit'],
          ['limit=1.5', '/limit'],
          ['limit=many', '/limit'],
          ['jobtype=', '/jobtype'],
          ['jobtpye=a', ''],
        ]) {
          const response = await target.get(`/sets/scheduled?${query}`);
          assert.equal(response.statusCode, 422, query);
          const { violations } = response.json<{ violations: { pointer: string }[] }>();
          assert.equal(violations[0]?.pointer, pointer, query);
        }
        // A place that no job has any more is where the next one is.
        assert.equal((await list('?cursor=0-0')).jobs.length, 1);
        assert.equal((await list('?cursor=9007199254740991-9007199254740991')).jobs.length, 0);
      });
    }
  });
}
