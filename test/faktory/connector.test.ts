import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Connection } from '../../src/faktory/connection.ts';
import { createConnector, type Connector } from '../../src/faktory/connector.ts';
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

interface Attempt {
  atMs: number;
  isGivenUp: boolean;
  succeed: () => FakeConnection;
  fail: (reason: string) => void;
}

function setUp(random = () => 1, connectTimeoutMs = 5000) {
  const clock = createFakeClock();
  const attempts: Attempt[] = [];
  const changes: (string | undefined)[] = [];
  const options = {
    clock,
    random,
    backoffMsMax: 500,
    connectTimeoutMs,
    open: () => {
      let fail!: (reason: string) => void;
      const opened = new Promise<Connection>((resolve, reject) => {
        fail = (reason) => reject(new Error(reason));
        const succeed = (): FakeConnection => {
          const connection = new FakeConnection();
          resolve(connection.asConnection);
          return connection;
        };
        attempts.push({ atMs: clock.now(), isGivenUp: false, succeed, fail });
      });
      const own = attempts.at(-1) as Attempt;
      const giveUp = (): void => {
        own.isGivenUp = true;
        fail('given up');
      };
      return { opened, giveUp };
    },
  };
  const connector: Connector = createConnector(options, () => changes.push(connector.downReason?.message));
  /** One connection after the other, as generic-pool asks for them. */
  const lane = async (): Promise<void> => {
    for (;;) await (await connector.create()).closed;
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

  it('pauses for 50 ms, twice that after each failure, and never for longer than its limit', async () => {
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

describe('the connector, when attempts vanish', () => {
  const givenUp = (attempts: readonly Attempt[]): number[] =>
    attempts.flatMap(({ isGivenUp }, index) => (isGivenUp ? [index] : []));

  /** Attempts end by the connect timeout only, as they do when their packets are dropped. */
  async function vanish({ clock, attempts }: ReturnType<typeof setUp>, forMs: number, timeoutMs = 5000): Promise<void> {
    for (const endMs = clock.now() + forMs; clock.now() < endMs; await settle()) {
      clock.advance(50);
      for (const { atMs, fail } of attempts) if (clock.now() - atMs === timeoutMs) fail('connect timeout');
    }
  }

  it('begins another one every 700 ms, however many want a connection', async () => {
    for (const lanes of [1, 10]) {
      const parts = setUp();
      for (let i = 0; i < lanes; i++) void parts.lane();
      await vanish(parts, 60_000);
      const gaps = parts.attempts.slice(1).map(({ atMs }, index) => atMs - parts.attempt(index).atMs);
      assert.deepEqual([gaps.length, new Set(gaps)], [85, new Set([700])]);
      assert.equal(parts.connector.downReason?.message, 'connect timeout');
    }
  });

  it('has at most 12 under way, however long the connect timeout is', async () => {
    const parts = setUp(() => 1, 60_000);
    void parts.lane();
    await vanish(parts, 180_000, 60_000);
    const gaps = parts.attempts.slice(1).map(({ atMs }, index) => atMs - parts.attempt(index).atMs);
    assert.deepEqual(new Set(gaps), new Set([5000]));
  });

  it('takes the first that opens, gives up those that it has overtaken, and opens the others at once', async () => {
    const parts = setUp();
    const { attempts, attempt, connector } = parts;
    for (let i = 0; i < 10; i++) void parts.lane();
    await vanish(parts, 2800);
    assert.equal(attempts.length, 5);
    attempt(3).succeed();
    await settle();
    assert.equal(connector.downReason, undefined);
    assert.deepEqual(givenUp(attempts), [0, 1, 2], 'the last one began later, and may come about as well');
    assert.equal(attempts.length, 13, 'nine for the nine others');
    for (const { succeed } of attempts.slice(4)) succeed();
    await settle();
    parts.clock.advance(60_000);
    await settle();
    assert.deepEqual([attempts.length, givenUp(attempts), parts.clock.pendingTimers], [13, [0, 1, 2], 0]);
  });

  it('gives up what nobody wants any more', async () => {
    const parts = setUp();
    void parts.lane();
    await vanish(parts, 2800);
    const connection = parts.attempt(1).succeed();
    await settle();
    assert.deepEqual(givenUp(parts.attempts), [0, 2, 3, 4]);
    await vanish(parts, 60_000);
    assert.deepEqual([parts.attempts.length, parts.changes.length], [5, 0], 'an attempt given up says nothing');
    connection.lose(new Error('lost'));
    await settle();
    assert.equal(parts.attempts.length, 6);
  });

  it('pauses as ever when the newest is refused, and waits for no older one', async () => {
    const parts = setUp();
    void parts.lane();
    await vanish(parts, 1400);
    let count = 3;
    for (const pauseMs of [50, 100, 200, 400]) {
      parts.attempt(count - 1).fail('refused');
      await settle();
      await vanish(parts, pauseMs - 50);
      assert.equal(parts.attempts.length, count);
      await vanish(parts, 50);
      assert.equal(parts.attempts.length, ++count);
    }
  });

  it('begins others beside those that opened side by side and vanish', async () => {
    const parts = setUp();
    for (let i = 0; i < 4; i++) void parts.lane();
    await settle();
    parts.attempt(0).succeed();
    await settle();
    assert.equal(parts.attempts.length, 4);
    await vanish(parts, 700);
    assert.equal(parts.attempts.length, 5);
    parts.attempt(4).succeed();
    await settle();
    assert.deepEqual([givenUp(parts.attempts), parts.attempts.length], [[1, 2, 3], 7]);
  });
});
