// One client's socket: its lines in, its replies out, strictly in order. A reply waits for the group of its command; the
// replies of one turn leave in one write. Reading stops while a FETCH waits, the client does not read, or the disk lags;
// it pauses after each few milliseconds of work, so that one client's pipeline does not hold up the others.
import type { Socket } from 'node:net';
import type { BrokerClock } from '../clock.ts';
import { createChallenge, parseHello, type Hello } from './handshake.ts';
import type { GroupOutcome, Ledger } from '../storage/ledger.ts';
import type { BrokerLimits } from '../limits.ts';
import { createLineReader, type ByteBudget } from './line-reader.ts';
import type { Reservation } from '../queues/reservation-index.ts';
import type { Session } from './session.ts';
import { error, nil, ok } from './replies.ts';

interface PendingReply {
  text: string;
  /** The group that must be stored first; 0 for none. */
  readonly group: number;
  readonly taken: Reservation | undefined;
}

export interface Connection extends Session {
  /** Ends it after the replies that are due; what is not yet read is refused. */
  shutDown(): void;
}

export interface ConnectionOptions {
  socket: Socket;
  clock: BrokerClock;
  limits: BrokerLimits;
  input: ByteBudget;
  ledger: Ledger;
  password: string | undefined;
  hashRounds: number | undefined;
  /** After HELLO was accepted: undefined, or why the connection must end. */
  onReady: (connection: Connection) => string | undefined;
  onCommand: (connection: Connection, line: Buffer) => void;
  /** A job was taken for this client, and the client is gone. */
  requeue: (taken: Reservation) => void;
  onClosed: (connection: Connection) => void;
}

/** Faktory's deadline for the whole handshake (server/server.go). */
const handshakeMs = 2000;
/** How long the peer may take to close its side after we have closed ours. */
const farewellMs = 1000;
/** Read on while a FETCH waits, to notice a client that leaves, but not more than this. */
const aheadBytesMax = 64 * 1024;
/** Work on the lines of one client before the others have their turn: several times what a large group takes. */
const turnMs = 10;

export function createConnection(options: ConnectionOptions): Connection {
  const { socket, clock, limits, ledger } = options;
  const reader = createLineReader(limits.lineBytesMax, options.input);
  const challenge = createChallenge(options.password, options.hashRounds);
  // A closed socket has forgotten it.
  const address = `${socket.remoteAddress}:${socket.remotePort}`;
  let phase: 'greeting' | 'verifying' | 'ready' | 'ending' | 'refusing' | 'closed' = 'greeting';
  let hello: Hello | undefined;
  let pending: PendingReply[] = [];
  let pendingBytes = 0;
  let output = '';
  let onGone: (() => void) | undefined;
  let finished = false;
  let pumping = false;
  /** Lines may be left for the next turn. */
  let yielding = false;
  let cancelTimer = clock.after(handshakeMs, () => socket.destroy());

  const listener = { settle };

  function mayRead(): boolean {
    if (onGone || phase === 'verifying' || phase === 'ending' || phase === 'closed') return false;
    if (pending.length >= limits.pendingRepliesMax) return false;
    const unread = pendingBytes + output.length + socket.writableLength;
    return unread < limits.outputBytesMax && !ledger.isFull(listener);
  }

  function pump(): void {
    if (pumping) return;
    pumping = true;
    try {
      if (!yielding) handleLines();
    } catch (problem) {
      connection.reply(error((problem as Error).message));
      connection.end();
    }
    pumping = false;
    flush();
    if (reader.bytes() > aheadBytesMax && (yielding || !mayRead())) socket.pause();
    else socket.resume();
    leaveIfDone();
  }

  function handleLines(): void {
    const endMs = performance.now() + turnMs;
    while (mayRead()) {
      const line = reader.next();
      if (!line) return;
      handle(line);
      if (performance.now() < endMs) continue;
      yielding = true;
      setImmediate(() => {
        yielding = false;
        pump();
      });
      return;
    }
  }

  function handle(line: Buffer): void {
    if (phase === 'greeting') void greet(line);
    else if (phase === 'refusing') connection.reply(error('shutdown in progress'));
    else options.onCommand(connection, line);
  }

  async function greet(line: Buffer): Promise<void> {
    hello = parseHello(line);
    if (!hello) return void socket.destroy();
    phase = 'verifying';
    const accepted = await challenge.accepts(hello);
    if (phase !== 'verifying') return;
    cancelTimer();
    const refusal = accepted ? options.onReady(connection) : 'Invalid password';
    if (accepted) connection.reply(ok);
    phase = 'ready';
    if (refusal !== undefined) {
      connection.reply(error(refusal));
      phase = 'ending';
    }
    pump();
  }

  function settle(ended: number, outcome: GroupOutcome, detail: string): void {
    let count = 0;
    for (const reply of pending) {
      if (reply.group > ended) break;
      pendingBytes -= reply.text.length;
      if (reply.group !== 0) conclude(reply, outcome, detail);
      output += reply.text;
      count++;
    }
    pending = count === pending.length ? [] : pending.slice(count);
    pump();
  }

  function conclude(reply: PendingReply, outcome: GroupOutcome, detail: string): void {
    if (outcome === 'not stored') reply.text = error(`not stored: the store of the broker failed: ${detail}`);
    else if (outcome === 'unknown')
      reply.text = error(`the store of the broker failed, the outcome is unknown: ${detail}`);
    else if (reply.taken && connection.isGone()) {
      options.requeue(reply.taken);
      reply.text = nil;
    }
  }

  function delay(text: string, group: number, taken: Reservation | undefined): void {
    pending.push({ text, group, taken });
    pendingBytes += text.length;
  }

  function flush(): void {
    if (output === '' || phase === 'closed') return;
    const text = output;
    output = '';
    // Where this write reaches the limit, its end lets the reading go on.
    if (text.length + socket.writableLength < limits.outputBytesMax) socket.write(text);
    else socket.write(text, pump);
  }

  function leaveIfDone(): void {
    if (phase === 'closed' || socket.writableEnded || pending.length > 0 || onGone || yielding) return;
    if (phase !== 'ending' && phase !== 'refusing' && !(finished && mayRead())) return;
    socket.end();
    cancelTimer();
    cancelTimer = clock.after(farewellMs, () => socket.destroy());
  }

  /** The client sends no more: what it has sent is still answered, but nothing is handed out to it. */
  function finish(): void {
    finished = true;
    const leave = onGone;
    onGone = undefined;
    leave?.();
    pump();
  }

  const connection: Connection = {
    get client() {
      return { address, wid: hello?.wid, hostname: hello?.hostname, pid: hello?.pid };
    },
    get wid() {
      return hello?.wid;
    },
    reply(text) {
      if (pending.length === 0) output += text;
      else delay(text, 0, undefined);
    },
    replyStored(text, taken) {
      const group = ledger.join(listener);
      if (group === 0) connection.reply(text);
      else delay(text, group, taken);
    },
    hold(gone) {
      onGone = gone;
    },
    release() {
      onGone = undefined;
      // Not at once: the caller is in the middle of another connection's command.
      queueMicrotask(pump);
    },
    isGone: () => finished || phase === 'closed',
    end() {
      phase = 'ending';
    },
    destroy: () => void socket.destroy(),
    shutDown() {
      if (phase === 'ready') phase = 'refusing';
      else if (phase !== 'closed') phase = 'ending';
      pump();
    },
  };

  socket.setNoDelay(true);
  // Faktory's listener probes at the same pace: a peer that vanished without a word is noticed.
  socket.setKeepAlive(true, 15_000);
  socket.on('data', (bytes: Buffer) => {
    reader.push(bytes);
    pump();
  });
  socket.on('end', finish);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    phase = 'closed';
    cancelTimer();
    finish();
    reader.dispose();
    options.onClosed(connection);
  });
  socket.write(challenge.hi);
  return connection;
}
