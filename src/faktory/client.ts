// faktory-worker's Client with our own connections and our own generic-pool, set through its public fields. The handshake, the
// password hash and the commands are the library's, the connections are ours (docs/decisions/0001-faktory-client.md). The pool
// only opens lost connections again. All connections are borrowed at the start and carry many commands each.
import { connect as connectTcp, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { Client } from 'faktory-worker';
import { createPool } from 'generic-pool';
import type { Clock } from '../domain/clock.ts';
import type { FaktoryAddress } from '../domain/faktory-address.ts';
import { isBrokerDeadline } from './classify.ts';
import { Connection, ReplyError } from './connection.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { createConnector } from './connector.ts';
import { leastBusy } from './least-busy.ts';
import { ProtocolError } from './reply-reader.ts';
import { createStandings } from './standings.ts';

export interface FaktoryClientOptions {
  address: FaktoryAddress;
  /** How many connections there are. All are opened at the start, and a lost connection is opened again. */
  size: number;
  clock: Clock;
  random: () => number;
  connectTimeoutMs: number;
  readTimeoutMs: number;
  writeTimeoutMs: number;
  keepAliveDelayMs: number;
  /** Marks the connections as a worker's. */
  wid?: string;
  labels?: string[];
  /** Called as `live` or `downReason` changes, after the constructor has returned. */
  onChange?: () => void;
  /** Called when a connection has taken its last write, so that the next command need not wait for a reply. */
  onRoom?: () => void;
  /** Called with each command that has ended, and its time since it was given to a connection. */
  onCommand?: ConnectionOptions['onCommand'];
  /** Replaces the sockets; for simulations. */
  connect?: (address: FaktoryAddress) => Duplex;
}

/** The most bytes of a reply to a worker. Any client may have pushed the job, and the broker does not limit its size. */
const workerBulkBytesMax = 64 * 1024 * 1024;
/** The most bytes of a reply to a producer. The longest are the reply to INFO and the refusals of a frame: some KiB. */
const producerBulkBytesMax = 1024 * 1024;
const backoffMsMax = 500;

/** The name of the embedded broker in INFO. */
const embeddedBroker = 'Work Factory';

type Info = Awaited<ReturnType<Client['info']>>;
type LibraryConnection = Parameters<Client['handshake']>[0];

export class FaktoryClient extends Client {
  /**
   * True when the broker's last INFO said that it is the embedded broker: it stores the frames of all connections together, requeues
   * jobs that a worker gives back by a FAIL or by END, and replies to waiting FETCHes as soon as their connection sends no more
   * (docs/broker.md). Faktory stores a connection's frames in their order, with a round trip to its Redis for each job
   * (contribsys/faktory server/commands.go, v1.9.4).
   */
  isEmbedded = false;
  /** How many connections have opened, and how many have ended again, since the start. */
  openedCount = 0;
  lostCount = 0;
  readonly #size: number;
  readonly #clock: Clock;
  readonly #connector;
  readonly #standings;
  /** Connections during and after their handshake. */
  readonly #open = new Set<Connection>();
  #isClosed = false;
  #resolveWarm!: () => void;
  /** Resolves when all connections have been live at once for the first time. */
  readonly warm = new Promise<void>((resolve) => (this.#resolveWarm = resolve));

  constructor(options: FaktoryClientOptions) {
    const { address, clock, onChange = () => undefined } = options;
    super({
      // Without a URL the library would read FAKTORY_PROVIDER and FAKTORY_URL, and take a password from there.
      url: 'tcp://127.0.0.1',
      host: address.host,
      port: address.port,
      ...(address.password !== undefined && { password: address.password }),
      ...(options.wid !== undefined && { wid: options.wid, labels: options.labels ?? [] }),
    });
    this.#size = options.size;
    this.#clock = clock;
    const standings = createStandings({ size: options.size, clock, onChange });
    this.#standings = standings;
    const connect = options.connect ?? ((to: FaktoryAddress) => openSocket(to, options.keepAliveDelayMs));
    this.#connector = createConnector(
      {
        clock,
        random: options.random,
        connectTimeoutMs: options.connectTimeoutMs,
        backoffMsMax,
        open: () => {
          const connection = new Connection({
            connect: () => connect(address),
            provesUnsent: !address.tls,
            clock,
            connectTimeoutMs: options.connectTimeoutMs,
            readTimeoutMs: options.readTimeoutMs,
            writeTimeoutMs: options.writeTimeoutMs,
            bulkBytesMax: options.wid === undefined ? producerBulkBytesMax : workerBulkBytesMax,
            onWritten: options.onRoom,
            onCommand: options.onCommand,
            // A worker does not need it, because its other connections notice a silent broker themselves within seconds.
            ...(options.wid === undefined && { onSilence: (sinceMs) => standings.silent(connection, sinceMs) }),
          });
          this.#open.add(connection);
          void connection.closed.then(() => this.#open.delete(connection));
          const handshake = connection.open((opened, greeting) =>
            this.handshake(opened as unknown as LibraryConnection, greeting),
          );
          return {
            opened: handshake.then(() => connection),
            giveUp: () => connection.destroy(new Error('another connection came about')),
          };
        },
      },
      onChange,
    );
    // The library's Connection class has private members, so ours does not match its type. Ours has the methods that its Client
    // calls.
    this.connectionFactory = this.#connector as unknown as Client['connectionFactory'];
    const pool = createPool(this.#connector, { min: 0, max: this.#size, autostart: false });
    this.pool = pool as unknown as Client['pool'];
    for (let lane = 0; lane < this.#size; lane++)
      void this.#keepLane(
        () => pool.acquire(),
        (gone) => pool.destroy(gone),
      );
  }

  /** Connections that can take commands now. Connections in doubt cannot. */
  get live(): readonly Connection[] {
    return this.#standings.trusted;
  }

  /** Connections by what they do. */
  get states(): { connecting: number; doubted: number; idle: number; busy: number } {
    const { live } = this;
    const { doubted } = this.#standings;
    const busy = live.filter((connection) => connection.inFlight > 0).length;
    return { connecting: this.#size - live.length - doubted, doubted, idle: live.length - busy, busy };
  }

  /** Why the broker is away; undefined while it is there or was not asked yet. */
  get downReason(): Error | undefined {
    return this.#connector.downReason ?? this.#standings.downReason;
  }

  /** Call it when the reply to a command given at `sentMs` names a deadline of the broker. */
  late(connection: Connection, sentMs: number): void {
    this.#standings.late(connection, sentMs);
  }

  /** Sends over the live connection with the fewest commands in flight. Rejects at once when there is none. */
  override async send(command: string[]): Promise<string> {
    // The library types a reply as a string, but nil is null.
    return (await this.#leastBusy().send(command)) as string;
  }

  override async sendWithAssert(command: string[], expected: string): Promise<string> {
    return this.#leastBusy().sendWithAssert(command, expected);
  }

  /** Like the library's `info`. In addition, a reply that is not a JSON object destroys the connection. */
  override async info(): Promise<Info> {
    const connection = this.#leastBusy();
    const sentMs = this.#clock.now();
    const text = await connection.send(['INFO']).catch((error: unknown) => {
      if (error instanceof ReplyError && isBrokerDeadline(error.message)) this.late(connection, sentMs);
      throw error;
    });
    if (text?.startsWith('{')) {
      const info = JSON.parse(text) as Info & { server?: { description?: string } };
      this.isEmbedded = info.server?.description === embeddedBroker;
      return info;
    }
    const error = new ProtocolError('the reply to INFO is no object');
    connection.destroy(error);
    throw error;
  }

  /** Ends every connection; resolves within a second. */
  override async close(): Promise<void> {
    this.#isClosed = true;
    this.#connector.close();
    await Promise.all([...this.#open].map((connection) => this.#connector.destroy(connection)));
  }

  #leastBusy(): Connection {
    const best = leastBusy(this.live);
    if (best === undefined) throw new Error('no live connection to the broker', { cause: this.downReason });
    return best;
  }

  /** A lane is one connection of the pool, borrowed for as long as it lives. */
  async #keepLane(acquire: () => Promise<Connection>, release: (gone: Connection) => Promise<void>): Promise<void> {
    for (;;) {
      const connection = await acquire();
      if (this.#isClosed) return release(connection);
      if (connection.isLive) {
        this.openedCount++;
        this.#standings.opened(connection);
        if (this.live.length === this.#size) this.#resolveWarm();
        await connection.closed;
        this.lostCount++;
        this.#standings.lost(connection);
      }
      await release(connection);
    }
  }
}

/** Keepalive must be an option of `connect`: Node loses or overwrites it when it is set later (nodejs/node#31663). */
function openSocket({ host, port, tls }: FaktoryAddress, keepAliveDelayMs: number): Duplex {
  const socket = connectTcp({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelayMs });
  if (!tls) return socket;
  const secure = connectTls({ socket, ...(isIP(host) === 0 && { servername: host }), host });
  // The TLS socket does not close a socket that was given to it.
  secure.on('close', () => socket.destroy());
  socket.on('error', (error) => secure.destroy(error));
  return secure;
}
