// The embedded broker's own port, in a process of its own, against clients that mean no good or know no better: it stays up,
// answers or ends, stores what it acknowledged and nothing else, and serves the others meanwhile. FUZZ_SEED=N runs a seed again.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { defaultLimits } from '../../src/broker/limits.ts';
import { connectFwp, makeJob, type FwpClient } from '../broker/fwp-client.ts';
import { startService, type Service } from '../helpers/service.ts';
import { keptQueues } from './fuzz-lines.ts';
import { residentMebibytes, watchMemory } from './fuzz-memory.ts';
import { fuzzLines, type JobOutcome, type LinesReport } from './fuzz-sessions.ts';
import { showed } from './matrix.ts';

const isFull = process.env['FAULTS'] === '1';
// The short run is the same each time.
const seed = Number(process.env['FUZZ_SEED'] ?? (isFull ? Math.floor(Math.random() * 2 ** 31) : 1));
const lines = isFull ? 100_000 : 2500;
/** Of a round of push, fetch and ACK, beside the abuse. A short run shares the processor with others. */
const slowestMsMax = isFull ? 5000 : 60_000;
/** Lines of 16 MiB and what they leave to the collector. */
const growthMebibytesMax = 96;

interface StartedBroker {
  service: Service;
  port: number;
  pid: number;
}

async function start(t: TestContext, env: Record<string, string> = {}): Promise<StartedBroker> {
  const service = startService(t, { FAKTORY_BIND: '127.0.0.1:0', ...env }, 'broker');
  const { broker } = await service.line(({ msg }) => msg === 'the broker listens');
  return { service, port: Number(String(broker).split(':')[1]), pid: service.process.pid as number };
}

interface Bystander {
  /** Stops, and says what it saw. */
  stop(): Promise<{ rounds: number; slowestMs: number }>;
}

/** A client that pushes, fetches and acknowledges a job of its own again and again, and times it. */
function watchFrom(client: FwpClient, queue: string): Bystander {
  let isOn = true;
  let rounds = 0;
  let slowestMs = 0;
  async function run(): Promise<void> {
    while (isOn) {
      const job = makeJob({ queue });
      const startedMs = performance.now();
      assert.equal(await client.ask(`PUSH ${JSON.stringify(job)}`), '+OK');
      assert.equal((await client.askJson(`FETCH ${queue}`))['jid'], job.jid);
      assert.equal(await client.ask(`ACK {"jid":"${job.jid}"}`), '+OK');
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      rounds += 1;
      await delay(5);
    }
  }
  const done = run();
  return {
    async stop() {
      isOn = false;
      await done;
      return { rounds, slowestMs };
    },
  };
}

interface Info {
  faktory: { queues: Record<string, number>; sets: Record<'scheduled' | 'retries' | 'dead' | 'working', number> };
}

/** All that is queued, by jid, taken out. */
async function takeAll(client: FwpClient): Promise<{ jids: Set<string>; info: Info }> {
  await client.ask('QUEUE RESUME *');
  const info = (await client.askJson('INFO')) as unknown as Info;
  const jids = new Set<string>();
  for (const [queue, size] of Object.entries(info.faktory.queues)) {
    // No more than there are: a FETCH of an empty queue waits.
    const replies = await Promise.all(Array.from({ length: size }, () => client.askJson(`FETCH ${queue}`)));
    for (const { jid } of replies) jids.add(String(jid));
    await Promise.all(replies.map(({ jid }) => client.ask(`ACK ${JSON.stringify({ jid })}`)));
  }
  return { jids, info };
}

function assertLedger(
  report: LinesReport,
  stored: ReadonlySet<string>,
  scheduledCount: number,
): Record<string, number> {
  const counts = { acknowledged: 0, refused: 0, unknown: 0 };
  for (const [jid, outcome] of report.outcomes) {
    counts[outcome] += 1;
    if (outcome === 'refused') assert.ok(!stored.has(jid), `${jid} was refused, and is stored`);
    const isHere = stored.has(jid) || report.scheduled.has(jid) || report.fetchable.has(jid);
    if (outcome === 'acknowledged') assert.ok(isHere, `${jid} was acknowledged, and is not stored`);
  }
  for (const jid of stored) assert.ok(report.outcomes.has(jid), `${jid} is stored, and nobody pushed it`);
  assert.ok(scheduledCount >= report.scheduled.size, `${scheduledCount} scheduled`);
  assert.ok(counts.acknowledged > lines / 10 && counts.refused > lines / 100, JSON.stringify(counts));
  return counts;
}

/** One job lost, one refused and stored, one from nowhere. */
function assertLedgerSees(report: LinesReport, stored: ReadonlySet<string>, scheduledCount: number): void {
  const outcomeOf = (jid: string): JobOutcome | undefined =>
    report.fetchable.has(jid) ? undefined : report.outcomes.get(jid);
  const lost = [...stored].find((jid) => outcomeOf(jid) === 'acknowledged' && !report.scheduled.has(jid));
  const refused = [...report.outcomes.keys()].find((jid) => outcomeOf(jid) === 'refused');
  const without = new Set([...stored].filter((jid) => jid !== lost));
  assert.throws(() => assertLedger(report, without, scheduledCount), /was acknowledged, and is not stored/);
  assert.throws(() => assertLedger(report, new Set([...stored, String(refused)]), scheduledCount), /was refused/);
  assert.throws(() => assertLedger(report, new Set([...stored, 'ghost']), scheduledCount), /nobody pushed it/);
}

describe('the port of the embedded broker', () => {
  it('takes any line: what it acknowledged is stored, nothing else is', async (t) => {
    console.log(`FUZZ_SEED=${seed}`);
    const { service, port, pid } = await start(t);
    const client = await connectFwp(t, { port });
    const bystander = watchFrom(await connectFwp(t, { port }), 'bystander');
    const memory = watchMemory(() => residentMebibytes(pid));
    const startedMs = performance.now();
    const report = await fuzzLines({
      port,
      seed,
      lines,
      connections: 32,
      lineBytesMax: defaultLimits.lineBytesMax,
      onProgress: (count) => memory.look(count / lines),
    });
    const seconds = (performance.now() - startedMs) / 1000;
    assert.deepEqual(report.faults, []);
    const { rounds, slowestMs } = await bystander.stop();
    const resident = memory.end().join(' ');
    const { jids, info } = await takeAll(client);
    const counts = assertLedger(report, jids, info.faktory.sets.scheduled);
    assertLedgerSees(report, jids, info.faktory.sets.scheduled);
    for (const queue of keptQueues) assert.ok((info.faktory.queues[queue] ?? 0) > 0, `nothing in ${queue}`);
    if (isFull) assert.ok(memory.growth() < growthMebibytesMax, `MiB: ${resident}`);
    assert.ok(rounds > 0 && slowestMs < slowestMsMax, `${rounds} rounds, the slowest ${slowestMs} ms`);
    assert.equal(await service.end(), 0);
    assert.deepEqual(
      service.lines.filter(({ level }) => Number(level) >= 50 || level === undefined),
      [],
    );
    const { ok, error, bulk, nil } = report.byReply;
    showed(
      'broker-fuzzed',
      `seed ${seed}: ${report.lines} lines in ${report.sessions} sessions, ${Math.round(report.lines / seconds)}/s; replies: ${ok} OK, ` +
        `${error} errors, ${bulk} bulks, ${nil} nil; jobs: ${counts['acknowledged']} acknowledged, ${counts['refused']} refused, ` +
        `${counts['unknown']} unknown, ${jids.size} in queues at the end; another client's push, fetch and ACK took ${Math.round(slowestMs)} ms ` +
        `at most in ${rounds} rounds; resident MiB by tenths ${resident}`,
    );
  });

  it('lets in as many as it says, tells the others, and lets nobody wait for the silent ones', async (t) => {
    const { service, port, pid } = await start(t);
    const client = await connectFwp(t, { port });
    const bystander = watchFrom(await connectFwp(t, { port }), 'bystander');
    const before = residentMebibytes(pid);
    const room = defaultLimits.connectionsMax - 2;
    const inside = await openMany(t, port, room, 'HELLO {"v":2}\r\n');
    await Promise.all(inside.map((one) => one.until((text) => text.includes('+OK'))));

    const beyond = await openMany(t, port, 50, 'HELLO {"v":2}\r\n');
    for (const one of beyond) assert.match(await one.closed, /\+OK\r\n-ERR too many connections: \d+\r\n$/);

    const startedMs = performance.now();
    // They never say HELLO; above the strangers that are let in, connections end at once.
    const silent = await openMany(t, port, 1100, '');
    const slow = await openMany(t, port, 20, '');
    const drip = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write('H');
    }, 50);
    t.after(() => clearInterval(drip));
    await Promise.all([...silent, ...slow].map(({ closed }) => closed));
    const goneMs = performance.now() - startedMs;
    const peak = residentMebibytes(pid);
    clearInterval(drip);

    for (const { socket } of inside) socket.destroy();
    await Promise.all(inside.map(({ closed }) => closed));
    assert.equal(await client.ask('PUSHB []'), '{}');
    const again = await connectFwp(t, { port });
    assert.equal(await again.ask('PUSHB []'), '{}');
    const { rounds, slowestMs } = await bystander.stop();
    if (isFull) assert.ok(goneMs < 2000 * 2, `the silent ones went after ${goneMs} ms`);
    assert.ok(slowestMs < slowestMsMax, `a round took ${slowestMs} ms`);
    assert.ok(peak - before < 150, `${before} MiB, then ${peak}`);
    assert.equal(await service.end(), 0);
    showed(
      'broker-flooded',
      `${inside.length + 2} in, ${beyond.length} told that there are too many, ${silent.length + slow.length} silent or slow gone after ` +
        `${Math.round(goneMs)} ms; another client's push, fetch and ACK took ${Math.round(slowestMs)} ms at most in ${rounds} rounds; ` +
        `${Math.round(before)} MiB resident before, ${Math.round(peak)} at the peak`,
    );
  });

  it('lets nobody in with a wrong password, and serves the others while it checks', async (t) => {
    const { service, port } = await start(t, { FAKTORY_PASSWORD: 'right-password' });
    const bystander = watchFrom(await connectFwp(t, { port, password: 'right-password' }), 'bystander');
    const tries = isFull ? 500 : 50;
    const hello = (password: string): string =>
      `HELLO {"v":2,"pwdhash":"${password}"}\r\nPUSH {"jid":"stolen-1","jobtype":"x","args":[]}\r\n`;
    // A HELLO that a busy machine has not read within two seconds is closed without a word.
    const words = isFull ? '-ERR Invalid password\\r\\n' : '(-ERR Invalid password\\r\\n)?';
    const refusal = new RegExp(`^\\+HI \\{"v":2,"i":\\d+,"s":"[0-9a-f]+"\\}\\r\\n${words}$`);
    let left = tries;
    let refused = 0;
    const startedMs = performance.now();
    async function attack(): Promise<void> {
      while (left-- > 0) {
        const [one] = await openMany(t, port, 1, hello(left % 2 === 0 ? 'f'.repeat(64) : ''));
        assert.match(await (one as RawClient).closed, refusal);
        refused += 1;
      }
    }
    await Promise.all(Array.from({ length: 20 }, attack));
    const seconds = (performance.now() - startedMs) / 1000;
    const { rounds, slowestMs } = await bystander.stop();
    const { jids } = await takeAll(await connectFwp(t, { port, password: 'right-password' }));
    assert.equal(refused, tries);
    assert.equal(jids.size, 0);
    assert.ok(slowestMs < slowestMsMax, `a round took ${slowestMs} ms`);
    assert.ok(!JSON.stringify(service.lines).includes('right-password'));
    assert.equal(await service.end(), 0);
    showed(
      'broker-wrong-password',
      `${tries} wrong passwords, 20 at a time, ${Math.round(tries / seconds)}/s, all refused; another client's push, fetch and ACK took ` +
        `${Math.round(slowestMs)} ms at most in ${rounds} rounds`,
    );
  });
});

interface RawClient {
  socket: Socket;
  until(isEnough: (text: string) => boolean): Promise<void>;
  /** All that was received. */
  closed: Promise<string>;
}

/** More at once, and the kernel of a busy machine forgets some: they wait without end for a server that never saw them. */
const openingMax = 100;

/** Connections that say this once they are greeted, or turned away. */
async function openMany(t: TestContext, port: number, count: number, text: string): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  t.after(() => clients.forEach(({ socket }) => socket.destroy()));
  while (clients.length < count) {
    const group = Array.from({ length: Math.min(openingMax, count - clients.length) }, () => openOne(port));
    clients.push(...group);
    await Promise.all(group.map((one) => one.until((received) => received.includes('\r\n'))));
    if (text !== '') for (const { socket } of group) if (socket.writable) socket.write(text);
  }
  return clients;
}

function openOne(port: number): RawClient {
  const socket = connect({ port, host: '127.0.0.1' });
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => void (received += chunk));
  // A reset is an end like any other.
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => void socket.once('close', () => resolve(received)));
  return {
    socket,
    closed,
    async until(isEnough) {
      while (!isEnough(received) && !socket.closed) {
        await Promise.race([new Promise((resolve) => socket.once('data', resolve)), closed]);
      }
    },
  };
}
