// The client's end of a simulated connection, as a real Duplex that behaves like a plain Node socket: its writes go through
// kernel.ts, writes that wait are merged (_writev), and bytes from the broker come cut, merged, late or never.
import { Duplex } from 'node:stream';
import { createKernel, type CutKind, type Done } from './kernel.ts';
import { createPipe, cutIntoPieces } from './pipe.ts';
import type { ClientEnd, FarEnd, Peer, World } from './world.ts';

/** A piece on its way to the client: bytes, or the end. */
interface DownPiece {
  bytes?: Buffer;
  end?: 'fin' | 'rst';
  onDelivered?: ((client: ClientEnd) => void) | undefined;
}

export interface Doubt {
  /** When the latest command was written whose reply did not come in its time, or was the broker's own deadline. */
  sinceMs: number;
}

export interface SocketOptions {
  id: number;
  world: World;
  until: Readonly<Record<'partition' | 'stopReading' | 'blackhole', number>>;
  /** What all sockets of the client know of a broker that hangs. */
  doubt: Doubt;
  onLive: () => void;
  onClosed: () => void;
}

const errorOf = (code: string, call: string): Error => Object.assign(new Error(`${call} ${code}`), { code });

export class SimulatedSocket extends Duplex {
  readonly id: number;
  /** The handshake's OK has arrived, and the client may send commands. */
  isLive = false;
  /** Bytes have arrived that no reply can be: it must be destroyed before the next event. */
  isInDoubt = false;
  isEndedByUs = false;
  repliesDelivered = 0;
  readonly #outstanding: { isInfo: boolean; atMs: number }[] = [];
  #lastReplyMs = 0;
  /** The broker answered it with a deadline of its own, and no INFO since. */
  #wasLate = false;
  readonly #world: World;
  readonly #options: SocketOptions;
  readonly #kernel;
  readonly #down;
  #peer: Peer | undefined;
  #sent = 0;
  #cutDown: { at: number; kind: CutKind } | undefined;
  #isCut = false;

  constructor(options: SocketOptions) {
    super({ allowHalfOpen: false });
    this.id = options.id;
    this.#options = options;
    const { world, until } = options;
    this.#world = world;
    this.#kernel = createKernel({
      world,
      blockedUntilMs: () => Math.max(until.partition, until.stopReading),
      delayMs: () => this.#delayMs(),
      onRead: (bytes) => this.#peer?.read(bytes),
      onEnd: () => this.#peer?.gone(),
      onCut: (kind) => {
        this.#peer?.gone();
        this.#cut(kind === 'fin' ? 'fin' : 'rst');
      },
      onResetAtOnce: () => this.#endAtClient('rst'),
    });
    this.#down = createPipe<DownPiece>({
      scheduler: world.scheduler,
      kind: 'input',
      blockedUntilMs: () => until.partition,
      deliver: (piece) => this.#arriveAtClient(piece),
    });
  }

  dial(accept: (far: FarEnd) => Peer | undefined): void {
    const { scheduler } = this.#world;
    const { until } = this.#options;
    scheduler.after(this.#delayMs() + 0.01, 'world', () => {
      // A lost SYN is sent again only after a second, and the client's patience may end before: it is lost for good here.
      if (Math.max(until.blackhole, until.partition) > scheduler.nowMs || this.destroyed) return;
      this.#peer = accept({
        id: this.id,
        send: (text, onDelivered) => this.#sendDown(Buffer.from(text), onDelivered),
        close: (how) => this.#cut(how),
      });
      if (this.#peer) return;
      this.#note('refused');
      scheduler.after(this.#delayMs(), 'input', () => this.destroy(errorOf('ECONNREFUSED', 'connect')));
    });
  }

  /** The client may use it from now on. */
  becomeLive(): void {
    this.isLive = true;
    this.#lastReplyMs = this.#world.scheduler.nowMs;
    this.#options.onLive();
  }

  /** A reply has arrived whole. */
  replied(text: string): void {
    const { scheduler, count } = this.#world;
    this.repliesDelivered++;
    this.#lastReplyMs = scheduler.nowMs;
    const command = this.#outstanding.shift();
    // Behind a reply that puts the connection in doubt nothing is read any more.
    if (!this.isInDoubt && /context deadline exceeded|i\/o timeout|connection pool timeout/.test(text)) {
      this.#wasLate = true;
      this.#options.doubt.sinceMs = Math.max(this.#options.doubt.sinceMs, command?.atMs ?? 0);
      count('doubts: deadline of the broker');
    } else if (command?.isInfo) this.#wasLate = false;
  }

  /** Nothing but INFO may be written: the broker may hang, and this socket has not shown otherwise. */
  get isDoubted(): boolean {
    return this.#wasLate || this.#lastReplyMs < this.#options.doubt.sinceMs;
  }

  /** What stalled is reset: bytes that were held back will not come any more. */
  heal(): void {
    if (this.#kernel.isStalled || this.#cutDown?.kind === 'stall') this.#cut('rst');
  }

  override write(chunk: unknown, encodingOrDone?: BufferEncoding | Done, done?: Done): boolean {
    if (this.writableLength > 0) this.#world.fail('second write', `#${this.id} with one outstanding`);
    // The real host's name would make a run differ from machine to machine.
    const text = String(chunk).replace(/"hostname":"[^"]*"/, '"hostname":"simulated"');
    this.#checkLines(text);
    return super.write(text, encodingOrDone as BufferEncoding, done);
  }

  #checkLines(text: string): void {
    const { ledger, fail } = this.#world;
    if (!text.endsWith('\r\n')) fail('bad line', `#${this.id} wrote ${JSON.stringify(text.slice(-80))}`);
    for (const line of text.slice(0, -2).split('\r\n')) {
      if (line.includes('\n')) fail('bad line', `#${this.id} has a line feed inside`);
      if (this.isLive && line !== 'END') {
        this.#outstanding.push({ isInfo: line === 'INFO', atMs: this.#world.scheduler.nowMs });
      }
      if (!line.startsWith('PUSHB ')) continue;
      if (this.isDoubted) fail('written in doubt', `#${this.id}`);
      for (const { jid } of JSON.parse(line.slice('PUSHB '.length)) as { jid: string }[]) ledger.write(jid);
    }
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#note(`write ${bytes.length}`);
    if (bytes.toString('latin1', 0, 3) === 'END') this.isEndedByUs = true;
    this.#kernel.write(bytes, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'utf8', done);
  }

  override _read(): void {
    // Pieces are pushed as they arrive.
  }

  override _final(done: Done): void {
    this.#kernel.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#note(`destroyed: ${error?.message ?? 'by the client'}`);
    this.#noteSilence();
    this.isLive = false;
    this.isInDoubt = false;
    this.#options.onClosed();
    this.#down.clear();
    this.#kernel.close();
    done(error);
  }

  #noteSilence(): void {
    const { plan, scheduler, count } = this.#world;
    const [oldest] = this.#outstanding;
    if (!this.isLive || oldest === undefined) return;
    if (scheduler.nowMs - Math.max(oldest.atMs, this.#lastReplyMs) < plan.readTimeoutMs) return;
    this.#options.doubt.sinceMs = Math.max(this.#options.doubt.sinceMs, oldest.atMs);
    count('doubts: silence');
  }

  /** Nothing goes up any more; the end follows what is on its way down. */
  #cut(how: 'fin' | 'rst'): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#kernel.stop();
    this.#down.push({ end: how }, this.#delayMs());
  }

  #sendDown(bytes: Buffer, onDelivered: DownPiece['onDelivered']): void {
    if (this.#isCut || this.#cutDown?.at === this.#sent) return;
    const { plan, random, strikes, count } = this.#world;
    if (this.#cutDown === undefined && strikes('cutDown')) {
      this.#cutDown = { at: this.#sent + random.int(0, bytes.length), kind: random.pick(['rst', 'fin', 'stall']) };
    }
    const passing = bytes.subarray(0, this.#cutDown ? this.#cutDown.at - this.#sent : Infinity);
    this.#sent += passing.length;
    const pieces = cutIntoPieces(passing, random.int(1, plan.segmentsMax), random);
    pieces.forEach((piece, index) => {
      const isLast = index === pieces.length - 1 && passing.length === bytes.length;
      this.#down.push({ bytes: piece, onDelivered: isLast ? onDelivered : undefined }, this.#delayMs());
    });
    if (this.#cutDown === undefined || this.#sent < this.#cutDown.at) return;
    count(`cut down: ${this.#cutDown.kind}`);
    if (this.#cutDown.kind === 'stall') return;
    this.#cut(this.#cutDown.kind);
    this.#peer?.gone();
  }

  #arriveAtClient(piece: DownPiece): void {
    if (this.destroyed) return;
    if (piece.end) return this.#endAtClient(piece.end);
    const { plan, random } = this.#world;
    const parts: Buffer[] = [];
    for (let next: DownPiece | undefined = piece; next;) {
      parts.push(next.bytes as Buffer);
      next.onDelivered?.(this);
      const merges = random.chance(plan.mergeRate);
      next = merges ? this.#down.takeIf((waiting) => waiting.bytes !== undefined) : undefined;
    }
    const bytes = Buffer.concat(parts);
    this.#note(`read ${JSON.stringify(bytes.toString('latin1'))}`);
    this.push(bytes);
  }

  #endAtClient(how: 'fin' | 'rst'): void {
    if (this.destroyed) return;
    this.#note(how);
    if (how === 'fin') return void this.push(null);
    // A reset shows first at the write that waits, or at the read.
    const showsAtWrite = this.#world.random.chance(0.5) && this.#kernel.failWrite(errorOf('EPIPE', 'write'));
    if (!showsAtWrite) this.destroy(errorOf('ECONNRESET', 'read'));
  }

  #delayMs(): number {
    const { plan, random } = this.#world;
    return plan.latencyMs + random.next() * plan.jitterMs;
  }

  #note(text: string): void {
    this.#world.log.add(this.#world.scheduler.nowMs, `#${this.id} ${text}`);
  }
}
