// The socket of a client: lines come in, replies go out. Reading stops while a FETCH waits, while the client does not read, and
// while the disk lags. Reading pauses after some milliseconds of work, so that the pipeline of a client does not hold up other
// clients. The replies of a turn leave in a single write.
import type { Socket } from 'node:net';
import type { BrokerClock } from '../clock.ts';
import type { BrokerLimits } from '../limits.ts';
import type { Reservation } from '../queues/reservation-index.ts';
import type { GroupListener, GroupOutcome, Ledger } from '../storage/ledger.ts';
import { createChallenge, parseHello, type Hello } from './handshake.ts';
import { createLineReader, type ByteBudget } from './line-reader.ts';
import { createPendingReplies } from './pending-replies.ts';
import { error, ok } from './replies.ts';
import type { ClientName, Session } from './session.ts';

export interface ConnectionOptions {
  socket: Socket;
  clock: BrokerClock;
  limits: BrokerLimits;
  input: ByteBudget;
  ledger: Ledger;
  password?: string | undefined;
  hashRounds?: number | undefined;
  /** Called after HELLO was accepted. Returns why the connection must end, or undefined. */
  onReady: (connection: Connection) => string | undefined;
  onCommand: (connection: Connection, line: Buffer) => void;
  /** Called with a job that was taken for this client, when the client is gone. */
  requeue: (taken: Reservation) => void;
  onClosed: (connection: Connection) => void;
}

/**
 * - `greeting`: the client has not said HELLO.
 * - `verifying`: its password is checked; nothing is read.
 * - `ready`: its commands are run.
 * - `refusing`: the broker stops: each command is refused.
 * - `ending`: nothing is read; the socket is closed after the replies that are due.
 * - `closed`: the socket is closed.
 *
 *     greeting → verifying → ready   HELLO; the password is right
 *     ready → refusing               the broker stops
 *     any → ending                   END; a refused HELLO; a line above a limit; the broker stops before HELLO
 *     any → closed                   the client closes the socket, or it is destroyed
 */
type Phase = 'greeting' | 'verifying' | 'ready' | 'refusing' | 'ending' | 'closed';

/** Faktory's own deadline for the whole handshake (server/server.go). */
const handshakeMs = 2000;
/** How long the peer may take to close its side after the broker has closed its own. */
const farewellMs = 1000;
/** The most bytes that are read while a FETCH waits. They are read to notice a client that leaves. */
const aheadBytesMax = 64 * 1024;
/** Once the lines of a client have taken this long, other clients have their turn. A large group takes a fraction of this time. */
const turnMs = 10;

export class Connection implements Session, GroupListener {
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #reader;
  readonly #challenge;
  readonly #replies;
  /** The client's address is kept, because a closed socket has forgotten it. */
  readonly #address: string;
  #phase: Phase = 'greeting';
  #hello: Hello | undefined;
  /** Set while a FETCH waits. */
  #onGone: (() => void) | undefined;
  /** The client has closed its side. */
  #hasFinished = false;
  #isPumping = false;
  /** True while lines may wait for the next turn of the event loop. */
  #isYielding = false;
  #cancelTimer: () => void;

  constructor(options: ConnectionOptions) {
    const { socket, limits, requeue } = options;
    this.#options = options;
    this.#socket = socket;
    this.#address = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#reader = createLineReader(limits.lineBytesMax, options.input);
    this.#challenge = createChallenge(options.password, options.hashRounds);
    this.#replies = createPendingReplies({ isGone: () => this.isGone(), requeue });
    this.#cancelTimer = options.clock.after(handshakeMs, () => this.destroy());
    this.#listen();
    socket.write(this.#challenge.hi);
  }

  get client(): ClientName {
    return { address: this.#address, wid: this.wid, hostname: this.#hello?.hostname, pid: this.#hello?.pid };
  }

  get wid(): string | undefined {
    return this.#hello?.wid;
  }

  reply(text: string): void {
    this.#replies.add(text);
  }

  replyStored(text: string, taken?: Reservation): void {
    const group = this.#options.ledger.join(this);
    if (group === 0) this.#replies.add(text);
    else this.#replies.addStored(text, group, taken);
  }

  hold(onGone: () => void): void {
    this.#onGone = onGone;
  }

  release(): void {
    this.#onGone = undefined;
    // In a later microtask, because the caller may be in the middle of another connection's command.
    queueMicrotask(this.#pump);
  }

  isGone(): boolean {
    return this.#hasFinished || this.#phase === 'closed';
  }

  end(): void {
    this.#phase = 'ending';
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends the connection after the replies that are due; commands that are not read yet are refused. */
  shutDown(): void {
    if (this.#phase === 'ready') this.#phase = 'refusing';
    else if (this.#phase !== 'closed') this.#phase = 'ending';
    this.#pump();
  }

  settle(ended: number, outcome: GroupOutcome, detail: string): void {
    this.#replies.settle(ended, outcome, detail);
    this.#pump();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    // Faktory's listener probes at the same pace. So a peer that vanished without a word is noticed.
    socket.setKeepAlive(true, 15_000);
    socket.on('data', (bytes: Buffer) => {
      this.#reader.push(bytes);
      this.#pump();
    });
    socket.on('end', () => this.#finish());
    socket.on('error', () => this.destroy());
    socket.on('close', () => {
      this.#phase = 'closed';
      this.#cancelTimer();
      this.#finish();
      this.#reader.dispose();
      this.#options.onClosed(this);
    });
  }

  /** Reads, runs and writes as far as is possible now. */
  readonly #pump = (): void => {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      if (!this.#isYielding) this.#handleLines();
    } catch (problem) {
      this.reply(error((problem as Error).message));
      this.end();
    }
    this.#isPumping = false;
    this.#write();
    if (this.#reader.bytes() > aheadBytesMax && (this.#isYielding || !this.#mayRead())) this.#socket.pause();
    else this.#socket.resume();
    this.#leaveIfDone();
  };

  #mayRead(): boolean {
    const { limits, ledger } = this.#options;
    if (this.#onGone) return false;
    if (this.#phase === 'verifying' || this.#phase === 'ending' || this.#phase === 'closed') return false;
    if (this.#replies.count() >= limits.pendingRepliesMax) return false;
    return this.#replies.bytes() + this.#socket.writableLength < limits.outputBytesMax && !ledger.joinIfFull(this);
  }

  #handleLines(): void {
    const endMs = performance.now() + turnMs;
    while (this.#mayRead()) {
      const line = this.#reader.next();
      if (!line) return;
      this.#handle(line);
      if (performance.now() < endMs) continue;
      this.#isYielding = true;
      setImmediate(() => {
        this.#isYielding = false;
        this.#pump();
      });
      return;
    }
  }

  #handle(line: Buffer): void {
    if (this.#phase === 'greeting') void this.#greet(line);
    else if (this.#phase === 'refusing') this.reply(error('shutdown in progress'));
    else this.#options.onCommand(this, line);
  }

  async #greet(line: Buffer): Promise<void> {
    this.#hello = parseHello(line);
    if (!this.#hello) return this.destroy();
    this.#phase = 'verifying';
    const isAccepted = await this.#challenge.accepts(this.#hello);
    if (this.#phase !== 'verifying') return;
    this.#cancelTimer();
    const refusal = isAccepted ? this.#options.onReady(this) : 'Invalid password';
    if (isAccepted) this.reply(ok);
    this.#phase = refusal === undefined ? 'ready' : 'ending';
    if (refusal !== undefined) this.reply(error(refusal));
    this.#pump();
  }

  #write(): void {
    const text = this.#phase === 'closed' ? '' : this.#replies.takeDue();
    if (text === '') return;
    // When this write reaches the limit, reading continues after it.
    if (text.length + this.#socket.writableLength < this.#options.limits.outputBytesMax) this.#socket.write(text);
    else this.#socket.write(text, this.#pump);
  }

  /** Called when the client sends no more: its commands still get replies, but no job is handed out to it. */
  #finish(): void {
    this.#hasFinished = true;
    const leave = this.#onGone;
    this.#onGone = undefined;
    leave?.();
    this.#pump();
  }

  #leaveIfDone(): void {
    const isBusy = this.#replies.count() > 0 || this.#onGone || this.#isYielding;
    if (this.#phase === 'closed' || this.#socket.writableEnded || isBusy) return;
    const isLast = this.#phase === 'ending' || this.#phase === 'refusing';
    if (!isLast && !(this.#hasFinished && this.#mayRead())) return;
    this.#socket.end();
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(farewellMs, () => this.destroy());
  }
}
