// The live figures: who may have them, how often anybody is asked for them, and how they end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { BrokerState } from '../../../src/domain/broker-state.ts';
import type { Trouble } from '../../../src/domain/trouble.ts';
import type { AppOptions } from '../../../src/http/app.ts';
import {
  consoleHistoryPoints,
  consoleMissedMax,
  consoleQueuesMax,
  consoleWatchersMax,
} from '../../../src/http/limits.ts';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { createBrokerPoll } from '../../../src/roles/broker-poll.ts';
import { build, connectRaw, type BuiltApp } from '../../helpers/app.ts';
import { createFakeClock, type FakeClock } from '../../helpers/fake-clock.ts';
import { idleOperator } from '../../helpers/idle-operator.ts';

const state: BrokerState = {
  queues: [{ name: 'default', depth: 2, latencySeconds: 1.5, isPaused: false }],
  ...{ scheduled: 1, retries: 2, dead: 3, working: 4, processed: 10, failures: 1 },
};

interface Target extends BuiltApp {
  clock: FakeClock;
  /** Questions that the broker was asked. */
  asked: () => number;
  troubles: (lines: readonly Trouble[]) => void;
  setState: (state: BrokerState) => void;
}

function open(t: TestContext, options: Partial<AppOptions> = {}): Target {
  const clock = createFakeClock(1000, (fn) => void setImmediate(fn));
  const metrics = createMetrics('0.0.0');
  let asked = 0;
  let lines: readonly Trouble[] = [];
  let now = state;
  const poll = createBrokerPoll(clock, async () => {
    asked++;
    return now;
  });
  metrics.readBrokerState(poll);
  const console = { poll, troubles: () => lines, about: { version: '1.2.3' } };
  const app = build(t, { clock, metrics, console, operator: idleOperator, ...options });
  return {
    ...app,
    clock,
    asked: () => asked,
    troubles: (given) => (lines = given),
    setState: (given) => (now = given),
  };
}

interface Watcher {
  response: IncomingMessage;
  /** The next event of this name. */
  next: (name: string) => Promise<ReturnType<typeof JSON.parse>>;
}

async function watch(url: string, headers: Record<string, string> = {}): Promise<Watcher> {
  const request = httpGet(`${url}/console/events`, { headers, agent: false });
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  response.on('error', () => undefined);
  return {
    response,
    async next(name) {
      for (;;) {
        const match = new RegExp(`^event: ${name}\ndata: (.*)\n\n`, 'm').exec(text);
        if (match) {
          text = text.slice(match.index + match[0].length);
          return JSON.parse(match[1] as string);
        }
        if (response.closed) throw new Error(`no ${name} in ${text}`);
        await Promise.race([once(response, 'data'), once(response, 'close')]);
      }
    },
  };
}

const connectionsOf = ({ app }: Target): Promise<number> =>
  new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)));

/** Lets what was read be written. */
async function tick({ clock }: Target, ms = 1000): Promise<void> {
  clock.advance(ms);
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the live figures', () => {
  it('are events about the broker, the process and its log', async (t) => {
    const target = open(t);
    const watcher = await watch(await target.listen());
    assert.equal(watcher.response.headers['content-type'], 'text/event-stream');
    assert.equal(watcher.response.headers['cache-control'], 'no-store');
    assert.equal(watcher.response.headers['x-accel-buffering'], 'no');
    assert.deepEqual(await watcher.next('opening'), { version: '1.2.3', history: [], troubles: [] });
    await tick(target, 0);
    const first = await watcher.next('figures');
    assert.equal(first.point, null);
    assert.deepEqual(first.broker, {
      ...{
        queued: 2,
        working: 4,
        scheduled: 1,
        retries: 2,
        dead: 3,
        queues_total: 1,
        connections: null,
        workers: null,
      },
      queues: [{ name: 'default', depth: 2, latency_seconds: 1.5, paused: false }],
    });
    assert.equal(first.readiness.status, 'ready');
    assert.equal(first.connections.http.answering, 1);
    assert.equal(first.worker, null);
    assert.equal((await target.post('/jobs/add', { a: 1, b: 2 })).statusCode, 202);
    assert.equal((await target.post('/jobs/divide', { a: 1, b: 0 })).statusCode, 422);
    target.setState({ ...state, processed: 30 });
    target.troubles([{ time: 'T', level: 40, msg: 'm', about: {} }]);
    await tick(target);
    const { point, types, troubles } = await watcher.next('figures');
    assert.deepEqual([point.enqueued, point.rejected, point.processed, point.failed], [1, 1, 20, 0]);
    assert.deepEqual([point.queued, point.latency], [2, 1.5]);
    assert.ok(point.p50 > 0);
    assert.deepEqual(types[0], { name: 'add', enqueued: 1, succeeded: null, failed: null });
    assert.deepEqual(troubles, [{ time: 'T', level: 40, msg: 'm', about: {} }]);
    await tick(target);
    assert.equal((await watcher.next('figures')).troubles, undefined);
  });

  it('cost the broker one question a second however many watch, and none when nobody does', async (t) => {
    const target = open(t);
    const url = await target.listen();
    const watchers = await Promise.all(Array.from({ length: 10 }, () => watch(url)));
    await tick(target, 0);
    for (let second = 0; second < 5; second++) await tick(target);
    for (const { next } of watchers) for (let event = 0; event < 6; event++) await next('figures');
    assert.equal(target.asked(), 6);
    for (const { response } of watchers) response.destroy();
    while ((await connectionsOf(target)) > 0) await tick(target, 0);
    await tick(target);
    const before = target.asked();
    for (let second = 0; second < 5; second++) await tick(target);
    assert.equal(target.asked(), before);
  });

  it('begin with the last minutes, which have a limit', async (t) => {
    const target = open(t);
    const url = await target.listen();
    const first = await watch(url);
    await tick(target, 0);
    for (let second = 0; second < consoleHistoryPoints + 5; second++) {
      await tick(target);
      await first.next('figures');
    }
    const { history } = await (await watch(url)).next('opening');
    assert.equal(history.length, consoleHistoryPoints);
  });

  it('have the fullest queues, and say how many there are', async (t) => {
    const target = open(t);
    const queues = Array.from({ length: 10_000 }, (_, index) => ({
      ...{ name: `q${index}`, depth: index, latencySeconds: undefined, isPaused: index === 7 || undefined },
    }));
    target.setState({ ...state, queues });
    const watcher = await watch(await target.listen());
    await tick(target, 0);
    const { broker } = await watcher.next('figures');
    assert.deepEqual([broker.queues.length, broker.queues_total], [consoleQueuesMax, 10_000]);
    const names = (broker.queues as { name: string }[]).map(({ name }) => name);
    const fullest = Array.from({ length: consoleQueuesMax - 1 }, (_, index) => `q${9999 - index}`);
    // And the paused one, which somebody may look for.
    assert.deepEqual(names, [...fullest, 'q7'].sort());
    assert.deepEqual(broker.queues.at(-1), { name: 'q9999', depth: 9999, latency_seconds: null, paused: null });
  });

  it('are for a limited number of pages', async (t) => {
    const target = open(t);
    const url = await target.listen();
    const watchers = await Promise.all(Array.from({ length: consoleWatchersMax }, () => watch(url)));
    const refused = await fetch(`${url}/console/events`);
    assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [503, 'overloaded']);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    watchers[0]?.response.destroy();
    let again: Watcher;
    do again = await watch(url);
    while (again.response.statusCode === 503);
    assert.equal(again.response.statusCode, 200);
  });

  it('want what the routes of operators want, and are not there without them', async (t) => {
    const adminKeys = ['ops:admin-key-of-16-b'];
    const target = open(t, { apiKeys: ['api-key-of-16-bytes'], adminKeys });
    const url = await target.listen();
    const statusWith = async (headers: Record<string, string>) => {
      const { response } = await watch(url, headers);
      response.destroy();
      return response.statusCode;
    };
    assert.equal(await statusWith({}), 401);
    assert.equal(await statusWith({ authorization: 'Bearer api-key-of-16-bytes' }), 401);
    assert.equal(await statusWith({ authorization: 'Bearer admin-key-of-16-b' }), 200);
    assert.equal((await open(t, { operator: undefined }).get('/console/events')).statusCode, 404);
    assert.equal((await target.app.inject({ method: 'HEAD', url: '/console/events' })).statusCode, 404);
  });

  it('cannot be held open by a page of another site', async (t) => {
    const url = await open(t).listen();
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'none' },
      { origin: 'http://evil.example' },
    ]) {
      const { response } = await watch(url, headers);
      assert.equal(response.statusCode, 403);
    }
  });

  it('end when the drain begins, and are not begun then', async (t) => {
    const target = open(t);
    const url = await target.listen();
    const { response } = await watch(url);
    const ended = once(response, 'end');
    target.drain();
    await ended;
    const refused = await fetch(`${url}/console/events`);
    assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [503, 'shutting_down']);
    await target.app.close();
  });

  it('are left out for a page that does not read, which is then cut off', async (t) => {
    const target = open(t);
    const queues = Array.from({ length: consoleQueuesMax }, (_, index) => ({
      ...{ name: `${index}`.padEnd(20_000, 'x'), depth: 1, latencySeconds: 1, isPaused: false },
    }));
    target.setState({ ...state, queues });
    await target.listen();
    const served: Socket[] = [];
    target.app.server.on('connection', (socket) => served.push(socket));
    const { socket, closed } = await connectRaw(
      t,
      target.app,
      'GET /console/events HTTP/1.1\r\nhost: localhost\r\n\r\n',
    );
    socket.pause();
    let most = 0;
    for (let second = 0; second < consoleMissedMax + 20; second++) {
      await tick(target);
      most = Math.max(most, ...served.map(({ writableLength }) => writableLength));
    }
    assert.ok(served.every(({ destroyed }) => destroyed));
    // Two megabytes an event: one that was begun, and no second one.
    assert.ok(most > 2_000_000 && most < 6_000_000, `${most} bytes waited`);
    socket.resume();
    await closed;
  });
});
