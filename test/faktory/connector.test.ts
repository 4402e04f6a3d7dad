import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Connection } from '../../src/faktory/connection.ts';
import { createConnector } from '../../src/faktory/connector.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

/** What a connector knows of a connection. */
class FakeConnection {
  inFlight = 0;
  isLive = true;
  ended: number | undefined;
  destroyed: Error | undefined;
  closed: Promise<Error>;
  lose!: (reason: Error) => void;
  constructor() {
    this.closed = new Promise((resolve) => {
      this.lose = (reason) => {
        this.isLive = false;
        resolve(reason);
      };
    });
  }
  destroy(reason: Error): void {
    this.destroyed = reason;
    this.lose(reason);
  }
  end(graceMs: number): Promise<void> {
    this.ended = graceMs;
    return Promise.resolve();
  }
  get asConnection(): Connection {
    return this as unknown as Connection;
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(random = () => 1) {
  const clock = createFakeClock();
  const attempts: { atMs: number; succeed: () => FakeConnection; fail: (reason: string) => void }[] = [];
  const changes: (string | undefined)[] = [];
  const connector = createConnector({
    clock,
    random,
    backoffMsMax: 500,
    open: () =>
      new Promise((resolve, reject) => {
        attempts.push({
          atMs: clock.now(),
          succeed() {
            const connection = new FakeConnection();
            resolve(connection.asConnection);
            return connection;
          },
          fail: (reason) => reject(new Error(reason)),
        });
      }),
  });
  connector.onDownChange = () => changes.push(connector.downReason?.message);
  /** As generic-pool does for whoever waits: creates, and at once again when that is rejected. */
  const lane = async (): Promise<void> => {
    for (;;) {
      const connection = await connector.create().catch(() => undefined);
      if (connection) await connection.closed;
    }
  };
  const attempt = (index: number) => {
    const found = attempts[index];
    assert.ok(found, `no attempt ${index}`);
    return found;
  };
  return { clock, attempts, attempt, changes, connector, lane };
}

describe('the connector', () => {
  it('makes one attempt at a time while the broker is away, however many want a connection', async () => {
    const { clock, attempts, attempt, lane } = setUp();
    for (let i = 0; i < 10; i++) void lane();
    await settle();
    for (let failures = 0; failures < 5; failures++) {
      assert.equal(attempts.length, failures + 1);
      attempt(failures).fail('refused');
      await settle();
      assert.equal(attempts.length, failures + 1, 'the pause comes before the next attempt');
      clock.advance(500);
      await settle();
    }
    attempt(5).succeed();
    await settle();
    assert.equal(attempts.length, 15, 'once it is there the other nine open side by side');
  });

  it('pauses for 50 ms, twice that after each failure, and never for longer than its bound', async () => {
    const { clock, attempts, attempt, lane } = setUp();
    void lane();
    await settle();
    for (let index = 0; index < 8; index++) {
      attempt(index).fail('refused');
      await settle();
      while (attempts.length === index + 1) {
        clock.advance(1);
        await settle();
      }
    }
    const pauses = attempts.slice(1).map(({ atMs }, index) => atMs - attempt(index).atMs);
    assert.deepEqual(pauses, [50, 100, 200, 400, 500, 500, 500, 500]);
  });

  it('spreads the pauses by chance over their second half', async () => {
    const { clock, attempts, attempt, lane } = setUp(() => 0);
    void lane();
    await settle();
    attempt(0).fail('refused');
    await settle();
    clock.advance(24);
    await settle();
    assert.equal(attempts.length, 1);
    clock.advance(1);
    await settle();
    assert.equal(attempts.length, 2);
  });

  it('starts with short pauses again after a connection came about', async () => {
    const { clock, attempts, attempt, lane } = setUp();
    void lane();
    for (let index = 0; index < 4; index++) {
      await settle();
      attempt(index).fail('refused');
      await settle();
      clock.advance(500);
    }
    await settle();
    const connection = attempt(4).succeed();
    await settle();
    clock.advance(60_000);
    connection.lose(new Error('lost'));
    await settle();
    attempt(5).fail('refused');
    await settle();
    clock.advance(50);
    await settle();
    assert.equal(attempts.length, 7);
  });

  it('replaces a connection that served for a while at once', async () => {
    const { clock, attempts, attempt, lane } = setUp();
    void lane();
    await settle();
    const connection = attempt(0).succeed();
    await settle();
    clock.advance(5000);
    connection.lose(new Error('lost'));
    await settle();
    assert.equal(attempts.length, 2);
  });

  it('pauses, longer each time, when connections die young: a broker at its limit greets before it hangs up', async () => {
    const { clock, attempts, attempt, lane } = setUp();
    void lane();
    await settle();
    for (let index = 0; index < 6; index++) {
      const connection = attempt(index).succeed();
      await settle();
      connection.lose(new Error('ERR too many connections: 2001'));
      await settle();
      assert.equal(attempts.length, index + 1, 'a new attempt without a pause');
      while (attempts.length === index + 1) {
        clock.advance(1);
        await settle();
      }
    }
    const pauses = attempts.slice(1).map(({ atMs }, index) => atMs - attempt(index).atMs);
    assert.deepEqual(pauses, [50, 100, 200, 400, 500, 500]);
  });

  it('makes one attempt when many connections are lost at once, and counts it as one', async () => {
    const { clock, attempts, attempt, lane } = setUp();
    for (let i = 0; i < 10; i++) void lane();
    await settle();
    const connections = [attempt(0).succeed()];
    await settle();
    for (let index = 1; index < 10; index++) connections.push(attempt(index).succeed());
    await settle();
    clock.advance(5000);
    for (const connection of connections) {
      connection.lose(new Error('lost'));
      await settle();
    }
    assert.equal(attempts.length, 11);
    attempt(10).fail('refused');
    await settle();
    clock.advance(50);
    await settle();
    assert.equal(attempts.length, 12);
    attempt(11).succeed();
    await settle();
    assert.equal(attempts.length, 21);
  });

  it('does not shorten the pause for a connection whose loss is seen late', async () => {
    const { clock, attempts, attempt, lane } = setUp();
    void lane();
    void lane();
    await settle();
    const first = attempt(0).succeed();
    await settle();
    const second = attempt(1).succeed();
    await settle();
    clock.advance(5000);
    first.lose(new Error('lost'));
    await settle();
    attempt(2).fail('refused');
    await settle();
    clock.advance(50);
    await settle();
    second.lose(new Error('lost'));
    await settle();
    attempt(3).fail('refused');
    await settle();
    clock.advance(99);
    await settle();
    assert.equal(attempts.length, 4);
    clock.advance(1);
    await settle();
    assert.equal(attempts.length, 5);
  });

  it('counts attempts side by side that fail as one', async () => {
    const { clock, attempts, attempt, lane } = setUp();
    for (let i = 0; i < 10; i++) void lane();
    await settle();
    attempt(0).succeed();
    await settle();
    for (let index = 1; index < 10; index++) attempt(index).fail('refused');
    await settle();
    clock.advance(49);
    await settle();
    assert.equal(attempts.length, 10);
    clock.advance(1);
    await settle();
    assert.equal(attempts.length, 11);
  });

  it('pauses for every connection that died young while another lives, and tries one first', async () => {
    const { clock, attempts, attempt, lane } = setUp();
    for (let i = 0; i < 4; i++) void lane();
    await settle();
    attempt(0).succeed();
    await settle();
    assert.equal(attempts.length, 4);
    const young = [1, 2, 3].map((index) => attempt(index).succeed());
    await settle();
    for (const connection of young) connection.lose(new Error('ERR too many connections: 2001'));
    await settle();
    assert.equal(attempts.length, 4);
    clock.advance(50);
    await settle();
    assert.equal(attempts.length, 5);
    attempt(4).succeed();
    await settle();
    assert.equal(attempts.length, 7);
  });

  it('knows why the broker is away, from the first failure until a connection lives', async () => {
    const { clock, attempt, changes, connector, lane } = setUp();
    void lane();
    await settle();
    const reason = () => connector.downReason?.message;
    assert.equal(reason(), undefined, 'not asked yet');
    attempt(0).fail('refused');
    await settle();
    assert.equal(reason(), 'refused');
    clock.advance(50);
    await settle();
    attempt(1).fail('ERR Invalid password');
    await settle();
    assert.equal(reason(), 'ERR Invalid password', 'the latest reason');
    clock.advance(100);
    await settle();
    attempt(2).succeed();
    await settle();
    assert.equal(reason(), undefined);
    assert.deepEqual(changes, ['refused', undefined]);
  });

  it('is not away while one connection lives and others fail', async () => {
    const { attempt, changes, connector, lane } = setUp();
    void lane();
    void lane();
    await settle();
    attempt(0).succeed();
    await settle();
    attempt(1).fail('ERR too many connections');
    await settle();
    assert.equal(connector.downReason, undefined);
    assert.deepEqual(changes, []);
  });

  it('makes no attempt after it was closed, and leaves no timer', async () => {
    const { clock, attempts, attempt, connector, lane } = setUp();
    void lane();
    await settle();
    attempt(0).fail('refused');
    await settle();
    connector.close();
    assert.equal(clock.pendingTimers, 0);
    clock.advance(60_000);
    void lane();
    await settle();
    assert.equal(attempts.length, 1);
  });

  it('takes leave with END of an idle connection, and destroys one that is busy or lost', async () => {
    const { connector } = setUp();
    const idle = new FakeConnection();
    await connector.destroy(idle.asConnection);
    assert.equal(idle.ended, 250);
    const busy = new FakeConnection();
    busy.inFlight = 1;
    await connector.destroy(busy.asConnection);
    assert.equal(busy.ended, undefined);
    assert.ok(busy.destroyed);
    const lost = new FakeConnection();
    lost.isLive = false;
    await connector.destroy(lost.asConnection);
    assert.equal(lost.ended, undefined);
  });
});
