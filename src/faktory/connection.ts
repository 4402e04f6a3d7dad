// One socket to the broker. Commands go out in order, and replies come back in order. After an error the connection is destroyed
// and never used again. It replaces faktory-worker's Connection, which has no timeouts. The library's Client runs the handshake
// over it.
import type { Duplex } from 'node:stream';
import { OwnCause } from '../domain/cause.ts';
import { createFifo } from '../domain/fifo.ts';
import type { ConnectionOptions, ReplyHandler } from './connection-options.ts';
import { parseGreeting, type Greeting } from './greeting.ts';
import { createReplyReader, ProtocolError, type Reply } from './reply-reader.ts';
import { createWatchdog } from './watchdog.ts';

/** The broker's error reply (`-ERR ...`). The connection can be used further. */
export class ReplyError extends Error {}

interface Command {
  line: string;
  handler: ReplyHandler;
  givenMs: number;
}

export class Connection {
  /** Resolves, with the reason, when the connection cannot be used any more. */
  readonly closed: Promise<Error>;
  /** Round trip of the handshake's HELLO in milliseconds: the broker stores nothing for it. */
  handshakeMs = 0;
  /** When the last reply came, by the clock. */
  repliedMs = -Infinity;
  readonly #options: ConnectionOptions;
  readonly #socket: Duplex;
  readonly #queued = createFifo<Command>();
  readonly #outstanding = createFifo<Command>();
  readonly #reading;
  readonly #writing;
  #greet: ((greeting: string) => void) | undefined;
  #isConnected = false;
  #live = false;
  #lost: Error | undefined;
  #ending = false;
  /** Commands in the write that the kernel has not taken yet; 0 when there is none. At most one write at a time. */
  #commandsInWrite = 0;
  #writes = 0;
  /** Number of the last write that was still pending a turn of the event loop after it began. */
  #stuckWrite = 0;
  #writeFailed = false;
  #repliesSinceHello = 0;
  #resolveClosed!: (reason: Error) => void;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    const { clock } = options;
    this.#reading = createWatchdog(clock, options.readTimeoutMs, (sinceMs) => this.#giveUp('read timeout', sinceMs));
    this.#writing = createWatchdog(clock, options.writeTimeoutMs, (sinceMs) => this.#giveUp('write timeout', sinceMs));
    const reader = createReplyReader({ bulkBytesMax: options.bulkBytesMax, onReply: (reply) => this.#take(reply) });
    this.#socket = options.connect();
    this.#socket.once('connect', () => (this.#isConnected = true));
    this.#socket.on('data', (chunk: Buffer) => {
      if (this.#lost) return;
      try {
        reader.push(chunk);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.destroy(error);
      }
    });
    this.#socket.on('error', (error) => this.destroy(error));
    this.#socket.on('end', () => this.destroy(new Error('closed by the broker')));
    this.#socket.on('close', () => this.destroy(new Error('closed')));
  }

  /** Waits for the greeting and runs the handshake. Rejects with the reason within `connectTimeoutMs`, and destroys the socket. */
  async open(handshake: (connection: Connection, greeting: Greeting) => Promise<unknown>): Promise<void> {
    const { clock, connectTimeoutMs } = this.#options;
    const timer = clock.after(connectTimeoutMs, () => this.destroy(this.#connectTimeout()));
    const lost = this.closed.then((reason) => Promise.reject(reason));
    try {
      const text = await Promise.race([new Promise<string>((resolve) => (this.#greet = resolve)), lost]);
      const greeting = parseGreeting(text);
      await Promise.race([handshake(this, greeting), lost]);
      this.#live = true;
      this.#repliesSinceHello = 0;
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      timer.cancel();
      lost.catch(() => undefined);
    }
  }

  /** True while the connection takes commands. */
  get isLive(): boolean {
    return this.#live && this.#lost === undefined && !this.#ending;
  }

  /** Commands without a reply. */
  get inFlight(): number {
    return this.#outstanding.size + this.#queued.size;
  }

  /** True while the kernel has not taken the last write. A new command would have to wait for it. */
  get isWriting(): boolean {
    return this.#commandsInWrite > 0;
  }

  /** Sends one command. `line` must not contain CR or LF; JSON.stringify escapes them. */
  exchange(line: string, handler: ReplyHandler): void {
    if (this.#lost) return handler.onLost({ maybeSent: false, reason: this.#lost });
    if (this.#ending) return handler.onLost({ maybeSent: false, reason: new Error('the connection is closing') });
    this.#queued.push({ line, handler, givenMs: this.#options.clock.now() });
    if (this.#commandsInWrite === 0) this.#write();
  }

  /** For faktory-worker's Client. Resolves with a simple or bulk text, or null for nil. Rejects with a ReplyError or the loss. */
  send(command: readonly string[]): Promise<string | null> {
    return new Promise((resolve, reject) => {
      this.exchange(command.join(' '), {
        onReply: (reply) => {
          if (reply.type === 'error') reject(new ReplyError(reply.text));
          else resolve(reply.type === 'nil' ? null : reply.text);
        },
        onLost: ({ reason }) => reject(reason),
      });
    });
  }

  /** For faktory-worker's Client. Any other reply is an error and destroys the connection. */
  async sendWithAssert(command: readonly string[], expected: string): Promise<string> {
    const startedMs = this.#options.clock.now();
    const text = await this.send(command);
    if (text !== expected) {
      const error = new ProtocolError(`the reply to ${command[0]} is not ${expected}`);
      this.destroy(error);
      throw error;
    }
    if (command[0] === 'HELLO') this.handshakeMs = this.#options.clock.now() - startedMs;
    return text;
  }

  /** Ends the connection at once. Every command without a reply is lost, with the given reason. */
  destroy(reason: Error): void {
    if (this.#lost) return;
    this.#lost = reason;
    this.#reading.rest();
    this.#writing.rest();
    // Node would merge buffered writes. Here is never more than one write, so none is merged.
    const isPending = this.#stuckWrite === this.#writes && this.#socket.writableLength > 0;
    const isUnsent = this.#options.provesUnsent && (isPending || this.#writeFailed);
    const lastWriteUnsent = isUnsent && this.#commandsInWrite === 1;
    const neverRead = reason.message.startsWith(connectionLimitText) && this.#repliesSinceHello === 0;
    const unsentFrom = neverRead ? 0 : this.#outstanding.size - (lastWriteUnsent ? 1 : 0);
    this.#socket.destroy();
    for (let index = 0, command; (command = this.#outstanding.shift()); index++) {
      this.#options.onCommand?.(command.line, this.#options.clock.now() - command.givenMs, 'lost');
      command.handler.onLost({ maybeSent: index < unsentFrom, reason });
    }
    for (let command; (command = this.#queued.shift());) command.handler.onLost({ maybeSent: false, reason });
    this.#resolveClosed(reason);
  }

  #connectTimeout(): OwnCause {
    const time = `in ${this.#options.connectTimeoutMs} ms`;
    if (!this.#isConnected) return new OwnCause(`no TCP connection ${time}: the network, or its machine`);
    if (this.#greet) return new OwnCause(`its process hangs (TCP connects, no greeting ${time})`);
    return new OwnCause(`it greets, but has not replied to HELLO ${time}`);
  }

  #giveUp(reason: string, sinceMs: number): void {
    if (this.#live) this.#options.onSilence?.(sinceMs);
    this.destroy(new Error(reason));
  }

  /**
   * Sends END, after which the broker closes the connection without a reply (contribsys/faktory server/commands.go). Destroys the
   * socket when that takes longer than `graceMs`. Only for a connection without commands in flight.
   */
  async end(graceMs: number): Promise<void> {
    if (this.#lost) return;
    this.#ending = true;
    this.#socket.end('END\r\n');
    const timer = this.#options.clock.after(graceMs, () => this.destroy(new Error('closed by us')));
    await this.closed;
    timer.cancel();
  }

  /**
   * Ends the sending side and goes on reading replies. The embedded broker then replies at once to a FETCH that waits. Faktory
   * (v1.9.4) does not read its socket before it has replied.
   */
  finish(): void {
    if (this.#lost || this.#ending || this.#queued.size > 0) return;
    this.#ending = true;
    this.#socket.end();
  }

  #write(): void {
    let lines = '';
    const count = this.#queued.size;
    for (let command; (command = this.#queued.shift());) {
      lines += command.line + '\r\n';
      this.#outstanding.push(command);
    }
    this.#commandsInWrite = count;
    if (this.#outstanding.size === count) this.#reading.feed();
    this.#writing.feed();
    this.#socket.write(lines, (error) => {
      if (this.#lost) return;
      if (error) {
        this.#writeFailed = true;
        return this.destroy(error);
      }
      this.#commandsInWrite = 0;
      this.#writing.rest();
      if (this.#queued.size > 0) this.#write();
      else this.#options.onWritten?.();
    });
    const write = ++this.#writes;
    // The kernel may take the rest of a write an instant later, within the same call. libuv reports that only in its next turn
    // (uv__write in libuv's src/unix/stream.c), so until then a pending write proves nothing.
    if (this.#socket.writableLength > 0) this.#options.clock.soon(() => (this.#stuckWrite = write));
  }

  #take(reply: Reply): void {
    if (this.#lost) return;
    if (this.#greet) {
      if (reply.type !== 'simple') return this.destroy(new ProtocolError('the broker did not greet'));
      const greet = this.#greet;
      this.#greet = undefined;
      return greet(reply.text);
    }
    // The broker sends this error before it reads a command, so it is not the reply to a command (server/server.go:361, v1.9.4).
    if (reply.type === 'error' && reply.text.startsWith(connectionLimitText))
      return this.destroy(new ReplyError(reply.text));
    const command = this.#outstanding.shift();
    if (command === undefined) return this.destroy(new ProtocolError('a reply that no command asked for'));
    this.#repliesSinceHello++;
    this.repliedMs = this.#options.clock.now();
    if (this.#outstanding.size > 0) this.#reading.feed();
    else this.#reading.rest();
    const { line, handler, givenMs } = command;
    this.#options.onCommand?.(line, this.repliedMs - givenMs, reply.type === 'error' ? 'refused' : 'ok');
    handler.onReply(reply);
  }
}

const connectionLimitText = 'ERR too many connections';
