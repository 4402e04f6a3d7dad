// `work-factory stream`, against a service that was started for it, and against a server that breaks.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, it, test } from 'node:test';
import { stream } from '../../src/cli/commands/stream.ts';
import { brokerFolder } from '../helpers/broker.ts';
import { startService } from '../helpers/service.ts';
import { cli, createSink } from './cli.ts';
import { goneUrl, respond, startServer } from './scripted-server.ts';

const good = (a: number): string => `{"operation": "add", "a": ${a}, "b": 2}`;
const mixed = [
  good(1),
  'no JSON',
  '',
  '{"operation": "divide", "args": {"a": 1, "b": 0}}',
  '{"operation": "add", "args": {"a": 1, "b": 0}, "at": "2099-01-01T00:00:00Z"}',
].join('\n');
const sum = /^(\d+ lines?) in [\d.]+ s \(\d+\/s\): (.*)\n$/;

test('stream', async (t) => {
  const url = await startService(t).readyUrl();
  const folder = brokerFolder();
  const fileOf = (name: string, content: string | Buffer): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const file = fileOf('mixed.ndjson', mixed);
  const run = (args: string[], surroundings = {}) => cli(['stream', ...args, '--url', url], surroundings);

  await t.test('tells of the lines that are not enqueued, by the numbers of an editor', async () => {
    const { code, out, err } = await run([file]);
    assert.match(
      out,
      /^2 rejected malformed_json The line is not JSON.*\n4 rejected validation_failed args b must not be zero\n$/,
    );
    assert.deepEqual(sum.exec(err)?.slice(1), ['4 lines', '2 enqueued, 2 rejected, 0 failed, 0 unknown']);
    assert.equal(code, 1);
  });

  await t.test('of all lines, of none, of those from one on', async () => {
    const all = await run([file, '--report', 'all']);
    assert.match(
      all.out,
      /^1 enqueued [0-9a-f-]{36}\n2 rejected .*\n4 rejected .*\n5 enqueued \S+ for 2099-01-01T00:00:00.000Z\n$/,
    );
    assert.equal((await run([file, '--report', 'summary'])).out, '');
    const rest = await run([file, '--from', '4']);
    assert.match(rest.out, /^4 rejected validation_failed .*\n$/);
    assert.equal(sum.exec(rest.err)?.[2], '1 enqueued, 1 rejected, 0 failed, 0 unknown');
  });

  await t.test('as JSON, in the words of the HTTP API', async () => {
    const { code, out, err } = await run([file, '--json', '--report', 'all']);
    assert.deepEqual([code, err], [1, '']);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(Object.keys(lines[0]), ['line', 'status', 'job_id']);
    assert.equal(lines[1].code, 'malformed_json');
    const counts = { lines: 4, enqueued: 2, rejected: 2, failed: 0, unknown: 0 };
    assert.deepEqual(lines.at(-1), { summary: { ...counts, completed: true } });
  });

  await t.test('from standard input, with the lines that its help shows, and as Windows writes them', async () => {
    const shown = [...stream.about.matchAll(/^ *(\{.*\})$/gm)].map(([, line]) => line);
    assert.equal(shown.length, 2);
    const { code, out, err } = await run(['-'], { stdin: `\u{feff}${shown.join('\r\n')}\r\n` });
    assert.deepEqual([code, out], [0, '']);
    assert.equal(sum.exec(err)?.[1], '2 lines');
    // The second one has a key.
    const again = await run(['-', '--report', 'all'], { stdin: shown[1] });
    assert.match(again.out, /^1 enqueued \S+ .*\(before now\)\n$/);
  });

  await t.test('thousands of lines, with a bar on a terminal', async () => {
    const many = fileOf('many.ndjson', Array.from({ length: 5000 }, (_, a) => good(a)).join('\n'));
    const { code, out, err } = await run([many], { isTerminal: true });
    assert.deepEqual([code, out], [0, '']);
    const drawn = err.split('\r');
    assert.match(drawn[1] ?? '', /^\[#*-*\] +\d+ %, [\d,]+ lines, [\d,]+\/s, 0 not enqueued\u001b\[K$/);
    assert.match(drawn.at(-1) ?? '', /^\u001b\[K5,000 lines in .*: 5,000 enqueued, /);
  });

  await t.test('stops at what is no text, and tells where to go on', async () => {
    const torn = fileOf(
      'torn.ndjson',
      Buffer.concat([Buffer.from(`${good(1)}\n`), Buffer.from([0xff, 10]), Buffer.from(good(3))]),
    );
    const { code, err } = await run([torn]);
    assert.match(
      err,
      new RegExp(`\\nNot read to the end: line 2 is not UTF-8\\nTo go on: work-factory stream ${torn} --from 2\\n$`),
    );
    assert.equal(code, 1);
    assert.equal((await run([torn, '--from', '2'])).code, 2);
    const json = await run([torn, '--json']);
    const { summary, detail } = JSON.parse(json.out);
    assert.deepEqual([summary.completed, summary.next_line, detail], [false, 2, 'line 2 is not UTF-8']);
  });

  await t.test('an interrupt ends it, also while nothing comes in', async () => {
    const controller = new AbortController();
    const stdin = new PassThrough();
    stdin.write(`${good(1)}\n`);
    const { stream: stdout, text } = createSink();
    stdout.on('data', () => controller.abort());
    const { code, err } = await run(['-', '--report', 'all'], { stdin, stdout, signal: controller.signal });
    assert.match(text(), /^1 enqueued /);
    assert.match(
      err,
      /1 enqueued, 0 rejected, 0 failed, 0 unknown\nEnded before the last line: .*\(aborted\)\nTo go on: .* --from 2\n$/,
    );
    assert.equal(code, 1);
  });

  for (const [args, message] of [
    [[join(folder, 'none')], /none cannot be read: ENOENT/],
    [[folder], /cannot be read: it is a folder/],
    [[file, '--report', 'some'], /--report takes one of errors, all, summary/],
    [[file, '--from', '0'], /--from takes the number of a line/],
    [[], /an argument is missing/],
  ] as const)
    await t.test(`wrong usage: ${String(message)}`, async () => {
      const { code, out, err } = await run([...args]);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, message);
    });
});

describe('a stream that breaks', () => {
  const twoLines = `${good(1)}\n${good(2)}\n`;

  it('is 3, and the lines that may be enqueued are reported', async (t) => {
    const url = await startServer(
      t,
      () => assert.fail('the request should not end'),
      (request, response) => {
        let text = '';
        request.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (text.split('\n').length !== 3) return;
          response.writeHead(200, { 'content-type': 'application/x-ndjson' });
          response.write('{"line":1,"status":"enqueued","job_id":"job-00000001"}\n', () => request.socket.destroy());
        });
      },
    );
    const stdin = new PassThrough();
    stdin.write(twoLines);
    const { stream: stdout, text } = createSink();
    stdout.on('data', () => stdin.end());
    const { code, err } = await cli(['stream', '-', '--report', 'all', '--url', url], { stdin, stdout });
    assert.match(text(), /^1 enqueued job-00000001\n2 unknown connection_lost .*\n$/);
    assert.match(err, /1 enqueued, 0 rejected, 0 failed, 1 unknown\n$/);
    assert.equal(code, 3);
  });

  it('is 1 where the service refuses it', async (t) => {
    const url = await startServer(t, (_, response) =>
      respond(response, 401, { code: 'unauthorized', detail: 'No key' }),
    );
    const { code, err } = await cli(['stream', '-', '--url', url], { stdin: twoLines });
    assert.match(err, /\nEnded before the last line: No key \(unauthorized\)\n.*WORK_FACTORY_API_KEY\n$/);
    assert.equal(code, 1);
  });

  it('is 4 where nothing listens', async () => {
    const { code, err } = await cli(['stream', '-', '--url', await goneUrl()], { stdin: twoLines });
    assert.match(err, /\nEnded before the last line: Could not connect: .*\n {2}No service answers there/);
    assert.equal(code, 4);
  });
});
