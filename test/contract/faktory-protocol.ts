// What every server that speaks FWP must do for us, whichever it is: run on the embedded broker and on real Faktory.
// Texts are those of contribsys/faktory v1.9.4. What differs on purpose is not here but in test/broker.
import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { connectFwp, makeJob, passwordHash, type FwpClient } from '../broker/fwp-client.ts';
import { createArithmeticJob } from '../helpers/jobs.ts';

export interface StartedServer {
  port: number;
}

export type StartServer = (t: TestContext, options?: { password?: string }) => Promise<StartedServer>;

const push = (job: unknown): string => `PUSH ${JSON.stringify(job)}`;
const pushBulk = (jobs: unknown): string => `PUSHB ${JSON.stringify(jobs)}`;

async function infoOf(client: FwpClient) {
  const info = await client.askJson('INFO');
  return info as {
    now: string;
    server_utc_time: string;
    faktory: {
      queues: Record<string, number>;
      sets: Record<'scheduled' | 'retries' | 'dead' | 'working', number>;
      tasks: Record<string, Record<string, unknown>>;
      total_failures: number;
      total_processed: number;
      total_enqueued: number;
      total_queues: number;
    };
    server: Record<string, unknown>;
  };
}

export function faktoryProtocolSuite(name: string, startServer: StartServer, skip: string | false = false): void {
  /** One server for the whole suite is enough: every test has queues of its own. */
  describe(`FWP on ${name}`, { skip, concurrency: false }, () => {
    let started: Promise<StartedServer> | undefined;
    let queues = 0;
    const closers: (() => unknown)[] = [];
    const scope = { after: (fn: () => unknown) => void closers.push(fn) } as TestContext;

    async function open(t: TestContext, options: { wid?: string; hello?: string } = {}) {
      started ??= startServer(scope);
      const { port } = await started;
      return connectFwp(t, { port, ...options });
    }
    const freshQueue = (): string => `suite-${++queues}`;

    after(async () => {
      for (const close of closers.reverse()) await close();
    });

    it('greets with a JSON that holds no space', async (t) => {
      const { greeting } = await open(t);
      assert.equal(greeting, '+HI {"v":2}');
    });

    it('closes without a word when the first line is no HELLO', async (t) => {
      const client = await open(t, { hello: 'PUSH {}' });
      await assert.rejects(client.next(), /closed/);
    });

    it('knows no second HELLO', async (t) => {
      const client = await open(t);
      assert.equal(await client.ask('HELLO {"v":2}'), '-ERR unknown command HELLO');
    });

    it('names an unknown command, and keeps the connection', async (t) => {
      const client = await open(t);
      assert.equal(await client.ask('push {}'), '-ERR unknown command push');
      assert.equal(await client.ask('PUSHB []'), '{}');
    });

    it('takes lines that end in LF as well as CRLF', async (t) => {
      const client = await open(t);
      client.socket.write('PUSHB []\nPUSHB []\r\n');
      assert.deepEqual([await client.next(), await client.next()], ['{}', '{}']);
    });

    it('hands a pushed job to a FETCH with its default fields', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      const job = makeJob({ queue, args: [{ a: 1, b: 0.1, request_id: null }, 'é<&>'] });
      assert.equal(await client.ask(push(job)), '+OK');
      const { created_at, enqueued_at, ...rest } = await client.askJson(`FETCH ${queue}`);
      assert.deepEqual(rest, { retry: 25, ...job });
      for (const time of [created_at, enqueued_at]) {
        assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
        assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
      }
      assert.equal(await client.ask(`ACK {"jid":"${job.jid}"}`), '+OK');
    });

    it('keeps the fields that it knows and drops the others', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      const known = { retry: 3, reserve_for: 61, backtrace: 4, custom: { a: [1] }, created_at: '2020-01-01T00:00:00Z' };
      const job = makeJob({ queue, ...known });
      await client.ask(push({ ...job, priority: 9, foo: 1, custom_null: null }));
      const { enqueued_at, ...rest } = await client.askJson(`FETCH ${queue}`);
      assert.deepEqual(rest, job);
      assert.equal(typeof enqueued_at, 'string');
    });

    it('stores our job as it was written, whatever other clients have pushed before', async (t) => {
      const client = await open(t);
      const fields = {
        reserve_for: 7000,
        backtrace: 40,
        custom: { unique_for: 60 },
        created_at: '2020-01-01T00:00:00Z',
      };
      const foreign = (retry: number) =>
        makeJob({ queue: freshQueue(), retry, ...fields, priority: 9, at: '2099-01-01T00:00:00Z', failure: {} });
      // The last one gives Faktory's default back to the other tests.
      for (const retry of [0, -1, 7, 25]) {
        assert.equal(await client.ask(push(foreign(retry))), '+OK');
        assert.equal(await client.ask(pushBulk([foreign(retry)])), '{}');
        const { jid, encoded } = createArithmeticJob('add', { a: 1, b: 2 });
        assert.equal(await client.ask(`PUSHB [${encoded}]`), '{}');
        const { created_at, enqueued_at, ...rest } = await client.askJson('FETCH default');
        assert.deepEqual(rest, {
          jid,
          queue: 'default',
          jobtype: 'math_add',
          args: [{ a: 1, b: 2, request_id: null }],
          retry: 25,
          reserve_for: 60,
        });
        for (const time of [created_at, enqueued_at]) {
          assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000, String(time));
        }
        assert.equal(await client.ask(`ACK {"jid":"${jid}"}`), '+OK');
      }
    });

    it('tells the worker a number of retries, also of a job that was pushed without', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      const [absent, isNull] = [makeJob({ queue }), makeJob({ queue, retry: null })];
      for (const line of [push(absent), push(isNull)]) assert.equal(await client.ask(line), '+OK');
      assert.equal(
        await client.ask(
          pushBulk([
            { ...absent, jid: 'absent-1' },
            { ...isNull, jid: 'null-001' },
          ]),
        ),
        '{}',
      );
      for (let count = 0; count < 4; count++) assert.equal((await client.askJson(`FETCH ${queue}`))['retry'], 25);
    });

    it('hands out jobs in the order in which they came, and queues in the order of the FETCH', async (t) => {
      const client = await open(t);
      const [high, low] = [freshQueue(), freshQueue()];
      const lows = [makeJob({ queue: low }), makeJob({ queue: low })];
      const highs = [makeJob({ queue: high }), makeJob({ queue: high }), makeJob({ queue: high })];
      assert.equal(await client.ask(pushBulk([...lows, ...highs])), '{}');
      const seen = [];
      for (let index = 0; index < 5; index++) seen.push((await client.askJson(`FETCH ${high} ${low}`))['jid']);
      assert.deepEqual(
        seen,
        [...highs, ...lows].map((job) => job.jid),
      );
    });

    it('stores the good jobs of a PUSHB and names the others with their reasons', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      const good = [makeJob({ queue }), makeJob({ queue })];
      const reply = await client.askJson(
        pushBulk([
          good[0],
          { jid: 'short', jobtype: 'test', args: [] },
          makeJob({ jid: 'no-jobtype', jobtype: '' }),
          makeJob({ jid: 'no-args-1', args: null }),
          makeJob({ jid: 'too-long-1', reserve_for: 86_401 }),
          makeJob({ jid: 'bad-time-1', at: 'tomorrow' }),
          makeJob({ jid: 'bad-queue-1', queue: 'a b' }),
          good[1],
        ]),
      );
      const { 'bad-time-1': badTime, ...exact } = reply;
      assert.match(String(badTime), /^invalid timestamp for 'at': "tomorrow"/);
      assert.deepEqual(exact, {
        short: 'jobs must have a reasonable jid parameter',
        'no-jobtype': 'jobs must have a jobtype parameter',
        'no-args-1': 'jobs must have an args parameter',
        'too-long-1': 'jobs cannot be reserved for more than one day',
        'bad-queue-1': 'cannot get "a b" queue: queue names must match \\A[a-zA-Z0-9._-]+\\z',
      });
      for (const job of good) assert.equal((await client.askJson(`FETCH ${queue}`))['jid'], job.jid);
    });

    it('answers the same reasons to PUSH', async (t) => {
      const client = await open(t);
      assert.equal(
        await client.ask(push({ jobtype: 'x', args: [] })),
        '-ERR jobs must have a reasonable jid parameter',
      );
      assert.equal(await client.ask(push(makeJob({ jobtype: '' }))), '-ERR jobs must have a jobtype parameter');
      assert.equal(await client.ask(push(makeJob({ args: null }))), '-ERR jobs must have an args parameter');
    });

    it('refuses a whole PUSHB in which one value has a wrong type', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      const wrong = [{ args: 'a' }, { jid: 7 }, { retry: 2.5 }, { queue: 1 }, { reserve_for: '60' }, { custom: [] }];
      for (const fields of wrong) {
        const reply = await client.ask(pushBulk([makeJob({ queue }), makeJob({ queue, ...fields })]));
        assert.match(String(reply), /^-ERR invalid JSON: json: cannot unmarshal /, JSON.stringify(fields));
      }
      for (const text of ['[', '{}', '[1]', `[{"jid":"too-large-1","jobtype":"x","args":[1e400]}]`]) {
        assert.match(String(await client.ask(`PUSHB ${text}`)), /^-ERR invalid JSON: /, text);
      }
      assert.equal((await infoOf(client)).faktory.queues[queue] ?? 0, 0);
    });

    it('does not look for duplicates', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      const job = makeJob({ queue });
      assert.equal(await client.ask(pushBulk([job, job])), '{}');
      assert.equal((await infoOf(client)).faktory.queues[queue], 2);
    });

    it('wakes a waiting FETCH at once', async (t) => {
      const [worker, idle, producer] = [await open(t), await open(t), await open(t)];
      const queue = freshQueue();
      const ends: string[] = [];
      const idleEnd = idle.ask(`FETCH idle-${queue}`).then(() => ends.push('idle'));
      const fetched = worker.askJson(`FETCH other-${queue} ${queue}`);
      await producer.ask('PUSHB []');
      const job = makeJob({ queue });
      await producer.ask(push(job));
      assert.equal((await fetched)['jid'], job.jid);
      ends.push('woken');
      await idleEnd;
      assert.deepEqual(ends, ['woken', 'idle'], 'it waited for the two seconds of a FETCH without a job');
    });

    it('answers pipelined commands in order, those behind a waiting FETCH included', async (t) => {
      const [client, producer] = [await open(t), await open(t)];
      const queue = freshQueue();
      const job = makeJob({ queue });
      const replies = [client.ask(`FETCH ${queue}`), client.ask('PUSHB []'), client.ask('nonsense')];
      await producer.ask(push(job));
      const [first, ...others] = await Promise.all(replies);
      assert.equal((JSON.parse(String(first)) as { jid: string }).jid, job.jid);
      assert.deepEqual(others, ['{}', '-ERR unknown command nonsense']);
    });

    it('enqueues at once a job whose time has passed, and schedules one whose time will come', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      const before = (await infoOf(client)).faktory.sets.scheduled;
      await client.ask(push(makeJob({ queue, at: '2020-01-01T00:00:00Z' })));
      await client.ask(push(makeJob({ queue, at: '2100-01-01T00:00:00.5+02:00' })));
      const { faktory } = await infoOf(client);
      assert.equal(faktory.queues[queue], 1);
      assert.equal(faktory.sets.scheduled, before + 1);
    });

    it('takes ACK of anything, and FAIL only of what is reserved', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      assert.equal(await client.ask('ACK {"jid":"never-seen"}'), '+OK');
      assert.equal(await client.ask('FAIL {"jid":"never-seen"}'), '-ERR Job not found never-seen');
      const [done, failed] = [makeJob({ queue }), makeJob({ queue })];
      await client.ask(pushBulk([done, failed]));
      const start = (await infoOf(client)).faktory;
      await client.ask(`FETCH ${queue}`);
      await client.ask(`FETCH ${queue}`);
      assert.equal((await infoOf(client)).faktory.sets.working, start.sets.working + 2);
      assert.equal(await client.ask(`ACK {"jid":"${done.jid}"}`), '+OK');
      assert.equal(
        await client.ask(`FAIL {"jid":"${failed.jid}","errtype":"E","message":"m","backtrace":["l"]}`),
        '+OK',
      );
      assert.equal(await client.ask(`FAIL {"jid":"${done.jid}"}`), `-ERR Job not found ${done.jid}`);
      const end = (await infoOf(client)).faktory;
      assert.equal(end.sets.working, start.sets.working);
      assert.equal(end.sets.retries, start.sets.retries + 1);
      assert.equal(end.total_processed, start.total_processed + 2);
      assert.equal(end.total_failures, start.total_failures + 1);
    });

    it('drops a failed job with retry 0, and buries one with retry -1', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      const start = (await infoOf(client)).faktory.sets;
      for (const retry of [0, -1]) {
        const job = makeJob({ queue, retry });
        await client.ask(push(job));
        await client.ask(`FETCH ${queue}`);
        assert.equal(await client.ask(`FAIL {"jid":"${job.jid}"}`), '+OK');
      }
      const end = (await infoOf(client)).faktory.sets;
      assert.deepEqual([end.retries, end.dead], [start.retries, start.dead + 1]);
    });

    it('names what it cannot read in ACK, FAIL and BEAT', async (t) => {
      const client = await open(t);
      for (const text of ['{}', '{x', 'null', '[]', '{"jid":7}', '{"jid":"x","n":1}', '{"JID":"x"}']) {
        assert.equal(await client.ask(`ACK ${text}`), `-ERR invalid ACK ${text}`);
      }
      for (const text of ['{x', '[]', '{"jid":7}', '{"jid":"x","message":1}', '{"jid":"x","backtrace":"l"}']) {
        assert.equal(await client.ask(`FAIL ${text}`), `-ERR invalid FAIL ${text}`);
      }
      for (const text of ['{}', 'null', '{"jid":""}', '{"jid":null}']) {
        assert.equal(await client.ask(`FAIL ${text}`), '-ERR missing JID', text);
      }
      for (const text of ['{x', '[]', '{"wid":7}', '{"wid":"w","rss_kb":1.5}', '{"wid":"w","current_state":true}']) {
        assert.equal(await client.ask(`BEAT ${text}`), `-ERR invalid BEAT ${text}`);
      }
      assert.equal(await client.ask('BEAT {}'), '-ERR unknown worker ');
    });

    it('takes an ACK of an empty jid, and fields that are null', async (t) => {
      const wid = `worker-${freshQueue()}`;
      const client = await open(t, { wid });
      for (const text of ['{"jid":""}', '{"jid":null}', '{"jid":"x","other":null}', '{"jid":"x","other":"y"}']) {
        assert.equal(await client.ask(`ACK ${text}`), '+OK', text);
      }
      assert.equal(await client.ask(`BEAT {"WID":"${wid}","rss_kb":null,"current_state":null,"other":[1]}`), '+OK');
    });

    it('knows the fields of a job and of its failure in any case', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      const jid = `any-case-${queue}`;
      const failure = '{"Failed_At":"2020-01-01T00:00:00Z","RETRY_COUNT":2,"remaining":9}';
      const job = `{"JID":"${jid}","Queue":"${queue}","jobType":"t","ARGS":[{"Retry":1}],"Retry":3,"Failure":${failure}}`;
      for (const command of [`PUSH ${job}`, `PUSHB [${job}]`]) {
        assert.match(String(await client.ask(command)), /^(\+OK|\{\})$/);
        const { created_at: _, enqueued_at: __, ...rest } = await client.askJson(`FETCH ${queue}`);
        assert.deepEqual(rest, {
          jid,
          queue,
          jobtype: 't',
          args: [{ Retry: 1 }],
          retry: 3,
          failure: { failed_at: '2020-01-01T00:00:00Z', retry_count: 2, remaining: 9 },
        });
      }
      assert.match(String(await client.ask(`PUSH ${job.replace('"Retry":3', '"Retry":"3"')}`)), /^-ERR invalid JSON: /);
      assert.equal(await client.ask(`PUSH ${job.replace('"Retry":3', '"RETRY":3,"retry":4')}`), '+OK');
      assert.equal((await client.askJson(`FETCH ${queue}`))['retry'], 4);
    });

    it('takes the times that Go takes, and no others', async (t) => {
      const client = await open(t);
      const day = (text: string) => `2099-${text}T00:00:00Z`;
      const clock = (text: string) => `2099-01-01T${text}`;
      const taken = [
        day('02-28'),
        '2096-02-29T00:00:00Z',
        ...['7:00:00Z', '00:00:00,5Z', '00:00:00.1234567891Z', '00:00:00+24:00', '00:00:00+02:60'].map(clock),
      ];
      for (const at of taken) assert.equal(await client.ask(push(makeJob({ at }))), '+OK', at);
      const refused = [
        ...['02-29', '02-30', '04-31', '13-01', '00-01', '01-00', '1-01'].map(day),
        ...['24:00:00Z', '23:60:00Z', '23:59:60Z', '00:00:00z', '00:00:00.Z', '00:00:00+25:00'].map(clock),
        ...['00:00:00+02:61', '00:00:00+0200', '00:00:00'].map(clock),
        '2099-01-01t00:00:00Z',
        '2099-01-01 00:00:00Z',
        '2099-01-01',
      ];
      for (const at of refused) {
        assert.match(String(await client.ask(push(makeJob({ at })))), /^-ERR invalid timestamp for 'at': /, at);
      }
    });

    it('counts a worker out at its END, before it closes', async (t) => {
      const wid = `worker-${freshQueue()}`;
      const [other, worker] = [await open(t), await open(t, { wid })];
      worker.socket.allowHalfOpen = true;
      worker.socket.write('END\r\n');
      const start = performance.now();
      while ((await other.ask(`BEAT {"wid":"${wid}"}`)) === '+OK') assert.ok(performance.now() - start < 20_000);
    });

    it('knows a worker by its wid while one of its connections lives', async (t) => {
      const wid = `worker-${freshQueue()}`;
      const [producer, one, other] = [await open(t), await open(t, { wid }), await open(t, { wid })];
      assert.equal(await producer.ask(`BEAT {"wid":"${wid}"}`), '+OK');
      assert.equal(await producer.ask('BEAT {"wid":"nobody"}'), '-ERR unknown worker nobody');
      one.socket.end('END\r\n');
      await one.closed;
      assert.equal(await producer.ask(`BEAT {"wid":"${wid}"}`), '+OK');
      other.socket.end('END\r\n');
      await other.closed;
      assert.equal(await producer.ask(`BEAT {"wid":"${wid}"}`), `-ERR unknown worker ${wid}`);
    });

    describe('what takes two seconds', { concurrency: true }, () => {
      it('closes without a word when no HELLO comes within two seconds', async (t) => {
        const startMs = performance.now();
        const client = await open(t, { hello: '' });
        await client.closed;
        const ms = performance.now() - startMs;
        assert.ok(ms > 1900 && ms < 20_000, `closed after ${ms} ms`);
      });

      it('answers FETCH with nil after two seconds', async (t) => {
        const client = await open(t);
        const startMs = performance.now();
        assert.equal(await client.ask(`FETCH ${freshQueue()}`), null);
        const ms = performance.now() - startMs;
        assert.ok(ms > 1900 && ms < 20_000, `answered after ${ms} ms`);
      });

      it('gives a quiet worker no more jobs, and lets it become quieter only', async (t) => {
        const wid = `worker-${freshQueue()}`;
        const worker = await open(t, { wid });
        const queue = freshQueue();
        await worker.ask(push(makeJob({ queue })));
        assert.equal(await worker.ask(`BEAT {"wid":"${wid}","current_state":"quiet","rss_kb":1}`), '{"state":"quiet"}');
        assert.equal(await worker.ask(`BEAT {"wid":"${wid}","current_state":"nonsense"}`), '{"state":"quiet"}');
        assert.equal(await worker.ask(`FETCH ${queue}`), null);
        assert.equal(await worker.ask(`BEAT {"wid":"${wid}","current_state":"terminate"}`), '{"state":"terminate"}');
        assert.equal(await worker.ask(`BEAT {"wid":"${wid}","current_state":"quiet"}`), '{"state":"terminate"}');
      });

      it('pauses, resumes and removes queues', async (t) => {
        const client = await open(t);
        const queue = freshQueue();
        const job = makeJob({ queue });
        await client.ask(push(job));
        assert.equal(await client.ask(`QUEUE PAUSE ${queue}`), '+OK');
        assert.equal(await client.ask(`FETCH ${queue}`), null);
        assert.equal(await client.ask(`QUEUE RESUME ${queue}`), '+OK');
        assert.equal((await client.askJson(`FETCH ${queue}`))['jid'], job.jid);
        await client.ask(push(makeJob({ queue })));
        assert.equal(await client.ask(`QUEUE REMOVE ${queue}`), '+OK');
        assert.equal((await infoOf(client)).faktory.queues[queue], undefined);
        assert.equal(await client.ask(`QUEUE NONSENSE ${queue}`), '-ERR no such QUEUE subcommand: NONSENSE');
      });
    });

    it('tells the latency of queues in seconds', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      await client.ask(push(makeJob({ queue })));
      const latency = await client.askJson(`QUEUE LATENCY ${queue} no-such-queue`);
      assert.equal(latency['no-such-queue'], 0);
      assert.ok(Number(latency[queue]) >= 0 && Number(latency[queue]) < 60);
      assert.equal(await client.ask('QUEUE LATENCY *'), '-ERR QUEUE LATENCY does not support wildcards');
      assert.deepEqual(await client.askJson('QUEUE LATENCY no-such-queue *'), { 'no-such-queue': 0, '*': 0 });
    });

    it('knows the subcommands of QUEUE in any case, and verbs in capitals only', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      await client.ask(push(makeJob({ queue })));
      assert.equal(Number((await client.askJson(`QUEUE latency ${queue}`))[queue]) < 60, true);
      for (const subcommand of ['pause', 'Resume', 'remove'])
        assert.equal(await client.ask(`QUEUE ${subcommand} ${queue}`), '+OK');
      assert.equal((await infoOf(client)).faktory.queues[queue], undefined);
      assert.equal(await client.ask('QUEUE nonsense x'), '-ERR no such QUEUE subcommand: NONSENSE');
      assert.equal(await client.ask('queue pause x'), '-ERR unknown command queue');
    });

    it('takes a FETCH with empty names among its queues', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      const job = makeJob({ queue });
      await client.ask(push(job));
      assert.equal((await client.askJson(`FETCH  ${queue} `))['jid'], job.jid);
    });

    it('says in INFO what every client reads', async (t) => {
      const info = await infoOf(await open(t));
      assert.match(info.now, /^\d{4}-\d\d-\d\dT.*Z$/);
      assert.match(info.server_utc_time, /^\d\d:\d\d:\d\d UTC$/);
      const { queues, sets, tasks, ...totals } = info.faktory;
      assert.deepEqual(Object.keys(sets).sort(), ['dead', 'retries', 'scheduled', 'working']);
      assert.deepEqual(Object.keys(totals).sort(), [
        'total_enqueued',
        'total_failures',
        'total_processed',
        'total_queues',
      ]);
      const { description, faktory_version, durability: _, ...numbers } = info.server;
      assert.equal(typeof description, 'string');
      assert.match(String(faktory_version), /^\d+\.\d+\.\d+$/);
      assert.deepEqual(Object.keys(numbers).sort(), ['command_count', 'connections', 'uptime', 'used_memory_mb']);
      const fieldsOf = Object.entries(tasks).map(([name, task]) => [name, Object.keys(task).sort().join()]);
      assert.deepEqual(Object.fromEntries(fieldsOf), {
        Busy: 'reaped,size',
        Dead: 'cycles,enqueued,size,wall_time_sec',
        Retries: 'cycles,enqueued,size,wall_time_sec',
        Scheduled: 'cycles,enqueued,size,wall_time_sec',
        Workers: 'reaped,size',
      });
      const taskNumbers = Object.values(tasks).flatMap((task) => Object.values(task));
      assert.ok(taskNumbers.every((value) => typeof value === 'number' && value >= 0));
      const counts = [
        ...Object.values(queues),
        ...Object.values(sets),
        ...Object.values(totals),
        ...Object.values(numbers),
      ];
      assert.ok(counts.every((value) => Number.isInteger(value) && Number(value) >= 0));
    });

    it('refuses what only Faktory Enterprise has', async (t) => {
      const client = await open(t);
      assert.equal(await client.ask('TRACK GET x'), '-ERR tracking subsystem is only available in Faktory Enterprise');
      assert.equal(await client.ask('BATCH NEW {}'), '-ERR batch subsystem is only available in Faktory Enterprise');
    });

    it('closes at END without a reply', async (t) => {
      const client = await open(t);
      await assert.rejects(client.ask('END'), /closed/);
    });

    it('forgets all jobs at FLUSH', async (t) => {
      const client = await open(t);
      const queue = freshQueue();
      await client.ask(push(makeJob({ queue })));
      await client.ask(push(makeJob({ queue, at: '2100-01-01T00:00:00Z' })));
      assert.equal(await client.ask('FLUSH'), '+OK');
      const { faktory } = await infoOf(client);
      assert.equal(faktory.queues[queue] ?? 0, 0);
      assert.deepEqual(faktory.sets, { dead: 0, retries: 0, scheduled: 0, working: 0 });
      assert.deepEqual([faktory.total_processed, faktory.total_failures, faktory.total_enqueued], [0, 0, 0]);
    });

    it('lets in those who know the password only', async (t) => {
      const { port } = await startServer(t, { password: 'p%ss wörd' });
      const client = await connectFwp(t, { port, password: 'p%ss wörd' });
      assert.match(client.greeting, /^\+HI \{"v":2,"i":\d+,"s":"[^" ]+"\}$/);
      assert.equal(await client.ask('PUSHB []'), '{}');
      for (const hello of ['HELLO {"v":2}', 'HELLO {"v":2,"pwdhash":"00"}', 'HELLO {"v":1,"pwdhash":"00"}']) {
        const stranger = await connectFwp(t, { port, hello });
        assert.equal(await stranger.next(), '-ERR Invalid password');
        await stranger.closed;
      }
    });

    it('takes one round of the hash for the password from clients below version 2', async (t) => {
      const { port } = await startServer(t, { password: 'secret' });
      for (const [version, rounds, reply] of [
        ['', 'one', '+OK'],
        ['"v":1,', 'one', '+OK'],
        ['"v":1,', 'all', '-ERR Invalid password'],
        ['"v":2,', 'one', '-ERR Invalid password'],
      ] as const) {
        const client = await connectFwp(t, { port, hello: '' });
        const { i, s } = JSON.parse(client.greeting.slice('+HI '.length)) as { i: number; s: string };
        const pwdhash = passwordHash('secret', s, rounds === 'one' ? 1 : i);
        assert.equal(await client.ask(`HELLO {${version}"pwdhash":"${pwdhash}"}`), reply, `${version} ${rounds}`);
      }
    });

    it('closes without a word when a field of HELLO has a wrong type', async (t) => {
      for (const fields of [
        '"v":256',
        '"v":"2"',
        '"wid":7',
        '"labels":"a"',
        '"labels":[1]',
        '"pid":1.5',
        '"hostname":[]',
      ]) {
        const client = await open(t, { hello: `HELLO {${fields}}` });
        await assert.rejects(client.next(), /closed/, fields);
      }
      const client = await open(t, { hello: 'HELLO {"V":2,"wid":null,"labels":null,"unknown":[1]}' });
      assert.equal(await client.next(), '+OK');
    });
  });
}
