// Who has to go when places run low, and who never does.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createAddressRange, isLoopback, sourceOf } from '../../../src/http/plugins/addresses.ts';
import { createConnections } from '../../../src/http/server/connections.ts';
import { createPlaces, evictedCode, type PlacesOptions } from '../../../src/http/server/places.ts';
import { createStallingClock } from '../../helpers/fake-clock.ts';

async function open(t: TestContext, overrides: Partial<PlacesOptions>) {
  const clock = createStallingClock();
  const connections = createConnections(clock);
  const log: object[] = [];
  const logger = { warn: (line: object) => void log.push(line) };
  const isShared = (): boolean => true;
  const limits = { perAddressMax: 4, placesMax: 5, spareMax: 2 };
  const places = createPlaces({ clock, connections, logger, isShared, ...limits, ...overrides });
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    const isSpare = places.isSpare(request.socket);
    if (request.url === '/held') held.push(response);
    else if (request.url !== '/body') response.end(isSpare ? 'spare' : 'placed');
  });
  connections.watch(server);
  places.watch(server);
  const refusals: (string | undefined)[] = [];
  server.on('clientError', (error: NodeJS.ErrnoException) => void refusals.push(error.code));
  t.after(() => server.close().closeAllConnections());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;

  /** Connects, asks, and lets some time pass; resolves when what was asked has been read. */
  async function come(path: string | undefined, { from = '127.0.0.1', afterMs = 1000 } = {}) {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    t.after(() => socket.destroy());
    const closed = new Promise<boolean>((resolve) =>
      socket.once('close', () => resolve(true)).on('error', () => undefined),
    );
    const taken = once(server, 'connection') as Promise<[Socket]>;
    const [served] = await taken;
    if (path !== undefined && !served.destroyed) {
      const read = once(server, 'request');
      const length = path === '/body' ? 'Content-Length: 2\r\n\r\n{' : '\r\n';
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${length}`);
      const [, response] = (await read) as [unknown, ServerResponse];
      if (path === '/') await once(socket, 'data');
      if (path === '/' && !response.writableFinished) await once(response, 'finish');
    }
    clock.advance(afterMs);
    return { served, closed, socket, hasPlace: () => !served.destroyed };
  }
  return { come, held, log, refusals, connections, closedForRoom: places.closed };
}

describe('when places run low', () => {
  it('those that are idle go, and who comes is served', async (t) => {
    const { come, closedForRoom, log } = await open(t, {});
    const crowd = [await come('/'), await come('/'), await come('/')];
    const late = await come('/');
    assert.ok(late.hasPlace());
    assert.deepEqual(await Promise.all(crowd.map(({ closed }) => closed)), [true, true, true]);
    assert.deepEqual(closedForRoom, { evicted: 3, refused: 0 });
    assert.deepEqual(log, [{ open: 1, evicted: 3, refused: 0 }]);
  });

  it('unfinished heads and bodies go too; a body is told', async (t) => {
    const { come, refusals } = await open(t, {});
    const [head, body] = [await come(undefined), await come('/body'), await come('/held')];
    assert.ok((await come('/')).hasPlace());
    assert.ok((await head.closed) && (await body.closed));
    assert.deepEqual(refusals, [evictedCode]);
  });

  it('who is owed a response stays; the last places are for probes, the silent ones of them make room', async (t) => {
    const { come, held } = await open(t, {});
    const owed = [await come('/held'), await come('/held'), await come('/held')];
    const probe = await come('/');
    const silent = await come(undefined);
    assert.ok(probe.hasPlace() && silent.hasPlace());
    const another = await come(undefined);
    assert.ok(another.hasPlace());
    assert.ok(!probe.hasPlace() || !silent.hasPlace());
    assert.ok(owed.every(({ hasPlace }) => hasPlace()));
    for (const response of held) response.end();
  });

  it('who came just now stays', async (t) => {
    const { come } = await open(t, {});
    const fresh = [];
    for (let count = 0; count < 4; count++) fresh.push(await come(undefined, { afterMs: 1 }));
    assert.ok(fresh.every(({ hasPlace }) => hasPlace()));
  });
});

describe('one address', () => {
  const mine = { isShared: () => false, perAddressMax: 2, placesMax: 100 };

  it('loses its own idle connections beyond its share, and no one else does', async (t) => {
    const { come } = await open(t, mine);
    const other = await come('/', { from: '127.0.0.2' });
    const own = [await come('/'), await come('/')];
    assert.ok((await come('/')).hasPlace());
    assert.ok(own.every(({ hasPlace }) => !hasPlace()));
    assert.ok(other.hasPlace());
  });

  it('is refused beyond its share while it is owed responses, and served again after', async (t) => {
    const { come, log } = await open(t, mine);
    const first = await come('/held');
    await come('/held');
    assert.ok(!(await come('/')).hasPlace());
    assert.ok((await come('/', { from: '127.0.0.2' })).hasPlace());
    assert.deepEqual(log, [{ open: 2, evicted: 0, refused: 1 }]);
    const gone = once(first.served, 'close');
    first.socket.destroy();
    await gone;
    assert.ok((await come('/')).hasPlace());
  });
});

describe('addresses', () => {
  it('stand for their network in IPv6', () => {
    for (const [address, source] of [
      ['192.0.2.1', '192.0.2.1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
      ['2001:db8::6', '2001:db8:0:0'],
      ['2001:db8:1:2::', '2001:db8:1:2'],
      ['::1', '0:0:0:0'],
    ] as const)
      assert.equal(sourceOf(address), source);
  });

  it('are found in ranges, IPv4 in IPv6 included', () => {
    const range = createAddressRange(['10.0.0.0/8', 'fd00::/8', '192.0.2.1']);
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1', '192.0.2.1']) assert.ok(range(address), address);
    for (const address of ['11.0.0.1', 'fe80::1', '192.0.2.2']) assert.ok(!range(address), address);
    assert.ok(isLoopback('127.0.0.1') && isLoopback('::1') && isLoopback('::ffff:127.0.0.1'));
  });
});
