// What scripts build upon: the exit code of each way in which a command ends, against a server that answers as it is told.
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { cli, createSink } from './cli.ts';
import { goneUrl, respond, startServer } from './scripted-server.ts';

const problem = (status: number, code: string, fields: object = {}): RequestListener => {
  return (_request, response) =>
    respond(response, status, { status, code, detail: `It is ${code}`, outcome: 'not_enqueued', ...fields });
};
const unclear = { outcome: 'unknown', job_ids: ['job-00000001'] };
const accepted = { job_id: 'job-00000001', message: 'Job enqueued to add 1 + 2' };

/** Answers the post, and then the question for the job. */
const posted =
  (status: number, body: object): RequestListener =>
  (request, response) => {
    if (request.method === 'POST') respond(response, 202, accepted);
    else respond(response, status, body);
  };

const enqueue = ['enqueue', 'add', '{"a": 1, "b": 2}'];
const status = ['status', 'job-00000001'];
const cancel = ['cancel', 'job-00000001'];
const brief = ['--timeout', '0.1'];
const awaited = [...enqueue, '--wait-timeout', '0.01'];
const job = (state: string): object => ({ job_id: 'job-00000001', state });

const endings: readonly [string, readonly string[], RequestListener, number, RegExp][] = [
  ['enqueued', enqueue, posted(500, {}), 0, /^Job enqueued to add/],
  ['refused', enqueue, problem(422, 'validation_failed'), 1, /^not enqueued: It is validation_failed/],
  ['refused for now', enqueue, problem(503, 'overloaded'), 1, /^not enqueued: It is overloaded/],
  [
    'without an outcome',
    enqueue,
    problem(504, 'outcome_unknown', unclear),
    3,
    /^may be enqueued: .*\n.*status job-00000001\n.*same --idempotency-key/,
  ],
  ['cut off', [...enqueue, ...brief], (request) => request.socket.destroy(), 3, /^may be enqueued: /],
  ['never answered', [...enqueue, ...brief], () => undefined, 3, /^may be enqueued: No response within/],
  ['answered by something else', enqueue, (_, response) => void response.end('<html>'), 3, /^may be enqueued/],
  ['awaited, and succeeded', awaited, posted(200, { ...job('succeeded'), result: 3 }), 0, /succeeded 3/],
  ['awaited, and failed', awaited, posted(200, { ...job('failed'), error: 'no' }), 1, /failed no/],
  ['awaited, and cancelled', awaited, posted(200, job('cancelled')), 1, /cancelled/],
  ['awaited, and not ended in time', awaited, posted(200, job('pending')), 3, /job-00000001 pending/],
  [
    'awaited where no results are kept',
    awaited,
    posted(501, { code: 'results_not_kept', detail: 'None' }),
    3,
    /is enqueued, and its end is not known: None/,
  ],
  ['awaited, and not known', awaited, posted(404, { code: 'not_found', detail: 'None' }), 3, /not known here/],
  ['status of a pending job', status, posted(200, job('pending')), 0, /^$/],
  ['status of a failed job', status, posted(200, job('failed')), 1, /^$/],
  ['status of an expired job', status, posted(200, job('expired')), 1, /^$/],
  ['status of a job that is not known', status, problem(404, 'not_found'), 3, /^$/],
  ['status without a right', status, problem(401, 'unauthorized'), 1, /WORK_FACTORY_API_KEY/],
  ['status without results', status, problem(501, 'results_not_kept'), 1, /results_not_kept/],
  [
    'status without a response',
    [...status, ...brief],
    (request) => request.socket.destroy(),
    4,
    /connection_lost|no_response/,
  ],
  ['cancel of a job that waits', cancel, (_, response) => respond(response, 200, job('cancelled')), 0, /^$/],
  [
    'cancel of a job that has started',
    cancel,
    (request, response) =>
      request.method === 'DELETE'
        ? respond(response, 409, { code: 'not_cancellable', detail: 'It runs' })
        : respond(response, 200, job('pending')),
    1,
    /^not cancelled: the job has started or has ended \(not_cancellable\)\n$/,
  ],
  [
    'cancel of a job that is not known',
    cancel,
    problem(404, 'not_found'),
    1,
    /^not cancelled: the job is not known here \(not_found\)\n$/,
  ],
  [
    'cancel without an outcome',
    [...cancel, ...brief],
    problem(504, 'outcome_unknown'),
    3,
    /^may be cancelled: It is outcome_unknown \(outcome_unknown\); work-factory status job-00000001 tells\n$/,
  ],
  ['cancel that is cut off', [...cancel, ...brief], (request) => request.socket.destroy(), 3, /^may be cancelled: /],
  ['cancel where no results are kept', cancel, problem(501, 'results_not_kept'), 1, /results_not_kept/],
  ['a list without a response', ['jobs', ...brief], () => undefined, 4, /no_response/],
];

describe('exit codes of a service that answers', () => {
  for (const [what, args, listener, code, err] of endings) {
    it(`${code}: ${what}`, async (t) => {
      const ran = await cli([...args, '--url', await startServer(t, listener)]);
      assert.match(ran.err, err);
      assert.equal(ran.code, code);
    });
  }

  it('cancel prints the state on standard output, and the reason as JSON', async (t) => {
    const url = await startServer(t, (_, response) => respond(response, 200, job('cancelled')));
    assert.equal((await cli([...cancel, '--url', url])).out, 'job-00000001 cancelled\n');
    assert.deepEqual(JSON.parse((await cli([...cancel, '--json', '--url', url])).out), job('cancelled'));
    const missing = await cli([...cancel, '--json', '--url', await startServer(t, problem(404, 'not_found'))]);
    assert.deepEqual([missing.code, missing.err], [1, '']);
    const { job_id: id, code } = JSON.parse(missing.out);
    assert.deepEqual([id, code], ['job-00000001', 'not_found']);
  });

  it('with --json the same, as one object', async (t) => {
    const url = await startServer(t, problem(504, 'outcome_unknown', unclear));
    const { code, out, err } = await cli([...enqueue, '--json', '--url', url]);
    assert.deepEqual([code, err], [3, '']);
    assert.deepEqual(JSON.parse(out), {
      ...{ outcome: 'unknown', code: 'outcome_unknown', detail: 'It is outcome_unknown', status: 504 },
      job_ids: ['job-00000001'],
    });
  });
});

describe('exit code 4', () => {
  it('at once, where nothing listens', async () => {
    const url = await goneUrl();
    for (const args of [['enqueue', 'add', '{}'], status, cancel, ['jobs'], ['cron']]) {
      const { code, out, err } = await cli([...args, '--url', url]);
      assert.deepEqual([code, out], [4, '']);
      assert.match(err, /connect ECONNREFUSED .*\n {2}No service answers there/);
    }
  });

  it('at a port to which fetch does not connect', async () => {
    const { code, err } = await cli(['enqueue', 'add', '{}', '--url', 'http://127.0.0.1:1']);
    assert.equal(code, 4);
    assert.match(err, /^not enqueued: Could not connect: bad port/);
  });

  it('with --timeout after that time', async () => {
    const { code } = await cli(['status', 'job-00000001', '--url', await goneUrl(), '--timeout', '0.2']);
    assert.equal(code, 4);
  });
});

describe('an interrupt', () => {
  it('after the post: the job is enqueued, and its end is not known', async (t) => {
    const controller = new AbortController();
    const url = await startServer(t, (request, response) => {
      if (request.method === 'POST') respond(response, 202, accepted);
      else controller.abort();
    });
    const { code, out, err } = await cli([...enqueue, '--wait', '--url', url], { signal: controller.signal });
    assert.deepEqual([code, out], [3, '']);
    assert.match(
      err,
      /^job-00000001 Job enqueued .*\nthe job is enqueued, and its end is not known: .* \(aborted\)\n$/,
    );
  });

  it('during the post: it may be enqueued', async (t) => {
    const controller = new AbortController();
    const url = await startServer(t, () => controller.abort());
    const { code, err } = await cli([...enqueue, '--url', url], { signal: controller.signal });
    assert.equal(code, 3);
    assert.match(err, /^may be enqueued: The caller gave up/);
  });

  it('before the post: it is not enqueued', async (t) => {
    const url = await startServer(t, () => assert.fail('nothing should come'));
    const { code } = await cli([...enqueue, '--url', url], { signal: AbortSignal.abort() });
    assert.equal(code, 1);
  });

  it('of status: what was answered is printed', async (t) => {
    const controller = new AbortController();
    const url = await startServer(t, (request, response) => {
      if (request.url === '/jobs/job-00000001') respond(response, 200, job('pending'));
    });
    const { stream, text } = createSink();
    stream.on('data', () => controller.abort());
    const args = ['status', 'job-00000001', 'job-00000002', '--url', url];
    const { code } = await cli(args, { signal: controller.signal, stdout: stream });
    assert.deepEqual([code, text()], [3, 'job-00000001 pending\n']);
  });
});

describe('an interrupt while standard input has no end', () => {
  const endless = (controller: AbortController, text: string): Readable => {
    const stdin = new PassThrough();
    stdin.write(text);
    setImmediate(() => controller.abort());
    return stdin;
  };

  it('ends enqueue, and nothing is enqueued', async (t) => {
    const controller = new AbortController();
    const url = await startServer(t, () => assert.fail('nothing should come'));
    const stdin = endless(controller, '{"a": ');
    const { code, err } = await cli(['enqueue', 'add', '-', '--url', url], { signal: controller.signal, stdin });
    assert.equal(code, 1);
    assert.match(err, /^not enqueued: The caller gave up/);
  });

  it('ends status', async (t) => {
    const controller = new AbortController();
    const url = await startServer(t, (_, response) => respond(response, 200, job('pending')));
    const stdin = endless(controller, '');
    const { code } = await cli(['status', '-', '--url', url], { signal: controller.signal, stdin });
    assert.equal(code, 3);
  });
});

describe('exit code 2', () => {
  const secret = 'secret-of-the-operator';
  for (const [args, message] of [
    [
      ['enqueue'],
      /^work-factory: enqueue: an argument is missing: enqueue OPERATION .*; work-factory enqueue --help says more\n$/,
    ],
    [['enqueue', 'add', '{}', 'x'], /"x" is one argument too many/],
    [['enqueue', 'add', '{a: 1}'], /ARGS must be JSON, in single quotes for the shell/],
    [['enqueue', 'add', '7'], /ARGS must be a JSON object or a list/],
    [['enqueue', 'add', '{}', '--delay', 'soon'], /--delay takes a time such as 90/],
    [['enqueue', 'add', '{}', '--retry', '1.5'], /--retry takes a whole number/],
    [['enqueue', 'add', '{}', '--retry', '-1'], /ambiguous\. .*use '--retry=-/],
    [['enqueue', 'add', '{}', '--que', 'x'], /^work-factory: enqueue: Unknown option '--que'; work-factory enqueue/],
    [['enqueue', 'add', '{}', '--custom', '[1'], /--custom must be JSON/],
    [['enqueue', 'add', '{}', '--url', 'localhost:3000'], /must be like http:/],
    [['enqueue', 'add', '{}', '--url', `http://user:${secret}@127.0.0.1:1`], /takes no user and password/],
    [['enqueue', 'add', '{}', '--api-key', `${secret}\n`], /must be visible ASCII/],
    [['status'], /an argument is missing/],
    [['status', 'x'], /"x" is not the id of a job/],
    [['status', 'job-00000001', '../../health'], /is not the id of a job/],
    [['status', '-', 'job-00000001'], /not both/],
    [['cancel', 'x'], /"x" is not the id of a job/],
    [['jobs', 'chekc'], /"chekc" is one argument too many, did you mean jobs check\?;/],
    [['cron', 'x'], /"x" is one argument too many;/],
    [['apis'], /there is no command "apis", did you mean api\?; there are api, worker, broker, enqueue, /],
    [['toString'], /there is no command "toString"; there are/],
    [['api', 'worker'], /api takes no arguments: "worker"/],
    [['--url', 'http://127.0.0.1:1', 'jobs'], /options come after the command/],
  ] as const) {
    it(args.join(' ').replace(secret, '...').trim(), async () => {
      const { code, out, err } = await cli(args);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, message);
      assert.ok(!err.includes(secret));
    });
  }

  it('a line of standard input that is too long for an id', async () => {
    const { code, err } = await cli(['status', '-'], { stdin: 'x'.repeat(100_000) });
    assert.equal(code, 2);
    assert.match(err, /line 1 is longer than 1024 bytes/);
  });
});

describe('the help', () => {
  for (const args of [
    ['--help'],
    ['-h'],
    ['worker', '--help'],
    ['enqueue', '--help'],
    ['status', '-h', 'x'],
    ['jobs', 'check', '--help'],
  ])
    it(`${args.join(' ')} is 0`, async () => {
      const { code, out, err } = await cli(args);
      assert.deepEqual([code, err], [0, '']);
      assert.ok(out.split('\n').every((line) => line.length <= 110));
    });

  it('--version prints the version', async () => {
    assert.deepEqual(await cli(['--version']), { code: 0, out: '1.2.3\n', err: '' });
  });
});
