// The source of a worker's jobs over FWP, against a scripted broker: commands that leave, and events that replies become.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../../src/domain/clock.ts';
import type { JobSourceEvents, Told } from '../../../src/domain/job-source.ts';
import { createFaktorySource } from '../../../src/faktory/source/faktory-source.ts';
import { bulk, ok, startScriptedBroker, type Script } from '../../helpers/scripted-broker.ts';

interface End {
  jid: string;
}

const ignore = (): void => undefined;

async function startSource(
  t: TestContext,
  reply: NonNullable<Script['reply']>,
  events: Partial<JobSourceEvents<End>> = {},
) {
  const broker = await startScriptedBroker({
    script: {
      reply: (line, peer) => (line === 'END' ? void peer.end() : (reply(line, peer) ?? undefined)),
    },
  });
  let onLive: () => void = ignore;
  const live = new Promise<void>((resolve) => (onLive = resolve));
  const source = createFaktorySource<End>({
    address: { host: '127.0.0.1', port: broker.port, tls: false, password: undefined },
    clock: systemClock,
    random: Math.random,
    connectTimeoutMs: 2000,
    readTimeoutMs: 10_000,
    writeTimeoutMs: 2000,
    keepAliveDelayMs: 60_000,
    wid: 'w',
    concurrency: 1,
    connectionsMax: 1,
    pollIntervalMs: 0,
    heartbeatIntervalMs: 60_000,
    log: { info: ignore, warn: ignore },
    queues: () => ['high', 'low'],
    onJob: ignore,
    onTold: ignore,
    onOver: ignore,
    onState: ignore,
    ...events,
    onChange() {
      if (source.clients.fetch.live.length > 0) onLive();
    },
  });
  t.after(async () => {
    await source.close();
    await broker.close();
  });
  source.start();
  await live;
  return { broker, source };
}

const lines = (all: readonly string[], verb: string): string[] => all.filter((line) => line.startsWith(verb));
const replyOk = (line: string): string => (line === 'INFO' ? bulk('{}') : ok);

describe('the source of jobs over FWP', () => {
  it('asks for a job of the queues in their order, and hands out the text', async (t) => {
    const texts: string[] = [];
    const { broker, source } = await startSource(
      t,
      (line) => (line.startsWith('FETCH') ? bulk('{"jid":"one"}') : replyOk(line)),
      { onJob: (text) => void texts.push(text) },
    );
    source.fetch(1);
    assert.equal(source.fetching, 1);
    await broker.until(() => lines(broker.lines, 'FETCH').length === 1);
    while (source.fetching > 0) await new Promise(setImmediate);
    assert.deepEqual([lines(broker.lines, 'FETCH'), texts], [['FETCH high low'], ['{"jid":"one"}']]);
  });

  it('fetches no more once it is quiet', async (t) => {
    const { source } = await startSource(t, replyOk);
    source.quiet();
    source.fetch(1);
    assert.equal(source.fetching, 0);
  });

  it('gives back the end that it was told of, and whether the broker knew the job', async (t) => {
    const told: Told<End>[] = [];
    const over: End[] = [];
    const failure = { errtype: 'E', message: 'm', backtrace: [] };
    const { broker, source } = await startSource(
      t,
      (line) => (line.startsWith('FAIL') ? '-ERR Job not found: two\r\n' : replyOk(line)),
      { onTold: (one) => void told.push(one), onOver: (end) => void over.push(end) },
    );
    const [one, two] = [{ jid: 'one' }, { jid: 'two' }];
    source.ack(one);
    source.fail(two, failure);
    assert.equal(source.reporting, 2);
    while (source.reporting > 0) await new Promise(setImmediate);
    assert.deepEqual(
      broker.lines.filter((line) => /^(ACK|FAIL)/.test(line)),
      ['ACK {"jid":"one"}', 'FAIL {"jid":"two","errtype":"E","message":"m","backtrace":[]}'],
    );
    assert.deepEqual(told, [
      { end: one, failure: undefined, isKnown: true },
      { end: two, failure, isKnown: false },
    ]);
    assert.ok(told[0]?.end === one && over[0] === one && over[1] === two);
  });

  it('requeues out of the retries and the dead, and leaves out a jid that would end the command', async (t) => {
    const { broker, source } = await startSource(t, (line) =>
      line.startsWith('MUTATE') ? '-ERR no\r\n' : replyOk(line),
    );
    await source.clients.report.warm;
    await source.requeue(['one', 'a b']);
    assert.deepEqual(
      lines(broker.lines, 'MUTATE'),
      ['retries', 'dead'].map((target) => `MUTATE {"cmd":"requeue","target":"${target}","filter":{"jids":["one"]}}`),
    );
  });

  it('knows a broker that takes jobs back by its INFO', async (t) => {
    const info = '{"server":{"description":"Work Factory"}}';
    const { source } = await startSource(t, (line) => (line === 'INFO' ? bulk(info) : replyOk(line)));
    await source.clients.beat.warm;
    await source.checkTakesBack();
    assert.equal(source.takesBack, true);
  });

  it("tells the state of the broker's reply to BEAT", async (t) => {
    const state = await new Promise((resolve) => {
      void startSource(t, (line) => (line.startsWith('BEAT') ? bulk('{"state":"terminate"}') : replyOk(line)), {
        onState: resolve,
      });
    });
    assert.equal(state, 'terminate');
  });
});
