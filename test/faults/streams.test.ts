// A file sent as a stream, cut at random lines and sent again from the line behind the last one reported: every line that
// was reported as enqueued is in the broker, and only lines that were sent and not reported may be there twice.
// FAULTS=1: 50 cuts of 100,000 lines; and 1,000,000 lines through a process with little memory, with a reader that stops
// for 20 s in the middle.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectFwp } from '../broker/fwp-client.ts';
import { startBroker } from '../helpers/broker.ts';
import { createRandom } from '../helpers/fault-proxy.ts';
import { startService, type Service } from '../helpers/service.ts';
import { showed } from './matrix.ts';
import { fetchedFrom } from './seen.ts';

const isFull = process.env['FAULTS'] === '1';
const lines = isFull ? 100_000 : 2000;
const cuts = isFull ? 50 : 5;
/** Lines that leave in one write. */
const blockLines = 100;

const lineOf = (line: number): string => `{"operation":"add","a":${line},"b":1}\n`;
const blockOf = (first: number, last: number): string => {
  let text = '';
  for (let line = first; line <= last; line++) text += lineOf(line);
  return text;
};

interface Sending {
  request: ClientRequest;
  response: IncomingMessage;
  /** No line behind this one was handed to the connection. */
  sent: number;
}

/** Sends the whole file, as fast as it is taken; lines before `from` are the service's to leave out. */
async function send(url: string, from: number, last: number): Promise<Sending> {
  const req = request(`${url}/jobs/stream?from=${from}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
  });
  req.on('error', () => undefined);
  req.flushHeaders();
  const [response] = (await once(req, 'response')) as [IncomingMessage];
  const sending: Sending = { request: req, response, sent: 0 };
  const write = (): void => {
    while (sending.sent < last) {
      const first = sending.sent + 1;
      sending.sent = Math.min(last, sending.sent + blockLines);
      if (!req.write(blockOf(first, sending.sent))) return void req.once('drain', write);
    }
    req.end();
  };
  write();
  return sending;
}

interface Reported {
  line: number;
  status: string;
  job_id: string;
}

/** Takes reports until it has seen so many; resolves with whether the summary came. */
async function read(
  { response }: Sending,
  reportsMax: number,
  take: (report: Reported) => void,
  each: () => Promise<void> = async () => undefined,
): Promise<boolean> {
  let rest = '';
  let seen = 0;
  for await (const chunk of response.setEncoding('utf8')) {
    const texts = (rest + String(chunk)).split('\n');
    rest = texts.pop() ?? '';
    for (const text of texts) {
      if (text.startsWith('{"summary"')) return text.includes('"completed":true');
      take(JSON.parse(text) as Reported);
      seen += 1;
      if (seen >= reportsMax) return false;
    }
    await each();
  }
  return false;
}

/** Jobs by their first operand, as often as each is there. */
async function storedBy(t: TestContext, service: Service, jobsMax: number): Promise<Map<number, string[]>> {
  assert.equal(await service.end('SIGTERM'), 0);
  const { port } = await startBroker(t, {
    dataDir: join(service.dataDir, 'broker'),
    limits: { reservedJobsMax: jobsMax },
  });
  const wid = 'reader';
  const stored = new Map<number, string[]>();
  for (const { a, jobId } of await fetchedFrom(await connectFwp(t, { port, wid }), wid))
    stored.set(a, [...(stored.get(a) ?? []), jobId]);
  return stored;
}

const idle = { SHUTDOWN_DRAIN_DELAY_MS: '0', WORKER_QUEUES: 'nothing' };

describe('a stream that is cut and sent again', () => {
  it('loses no line that was reported, and doubles none but those that were unknown', async (t) => {
    const service = startService(t, idle);
    const url = await service.readyUrl();
    const random = createRandom(21);
    const reported = new Map<number, string>();
    const unknown = new Set<number>();
    let next = 1;
    for (let cut = 0; ; cut++) {
      const sending = await send(url, next, lines);
      const reportsMax = cut < cuts ? 1 + Math.floor(random() * ((2 * lines) / (cuts + 1))) : Infinity;
      const isWhole = await read(sending, reportsMax, ({ line, status, job_id: id }) => {
        assert.deepEqual([line, status], [next, 'enqueued']);
        reported.set(line, id);
        next += 1;
      });
      sending.request.destroy();
      if (isWhole) break;
      assert.ok(cut < cuts, 'nothing cut this stream');
      for (let line = next; line <= sending.sent; line++) unknown.add(line);
    }
    assert.equal(reported.size, lines);
    const stored = await storedBy(t, service, 4 * lines);
    let doubled = 0;
    for (const [line, id] of reported) {
      const ids = stored.get(line) ?? [];
      assert.ok(ids.includes(id), `line ${line} was reported and is not there`);
      if (ids.length === 1) continue;
      doubled += 1;
      assert.ok(unknown.has(line), `line ${line} is there twice`);
    }
    assert.equal(stored.size, lines);
    showed('stream-cut', `${cuts} cuts of ${lines} lines: all there, ${doubled} twice, each of them unknown at a cut`);
  });
});

const skip = !isFull && 'FAULTS=1 only: minutes';

describe('a stream through a process with little memory', { skip }, () => {
  it('enqueues 1,000,000 lines, while its reader stops for 20 s in the middle', async (t) => {
    const count = 1_000_000;
    // V8's own limits: what a container of 256 MiB leaves.
    const service = startService(t, { ...idle, NODE_OPTIONS: '--max-old-space-size=160 --max-semi-space-size=8' });
    const url = await service.readyUrl();
    const mib = (): number => {
      const status = readFileSync(`/proc/${service.process.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    };
    const idleMib = mib();
    const tenths: number[] = [];
    let last = 0;
    let hasStopped = false;
    const startedMs = performance.now();
    const isWhole = await read(
      await send(url, 1, count),
      Infinity,
      ({ line, status }) => {
        assert.deepEqual([line, status], [last + 1, 'enqueued']);
        last = line;
      },
      async () => {
        while (tenths.length < Math.floor((last * 10) / count)) tenths.push(Math.round(mib()));
        if (hasStopped || last < count / 2) return;
        hasStopped = true;
        await sleep(20_000);
      },
    );
    const seconds = (performance.now() - startedMs) / 1000;
    assert.deepEqual([isWhole, last], [true, count]);
    assert.ok(Math.max(...tenths) < 256, `resident MiB by tenths: ${tenths.join(' ')}`);
    const { queues } = (await (await fetch(`${url}/queues`)).json()) as { queues: { name: string; depth: number }[] };
    assert.deepEqual(
      queues.map(({ name, depth }) => [name, depth]),
      [['default', count]],
    );
    const seen = `${count} lines in ${Math.round(seconds)} s, 20 of them a reader that stopped; resident MiB ${Math.round(idleMib)} idle, by tenths ${tenths.join(' ')}`;
    showed('stream-memory', seen);
  });
});
