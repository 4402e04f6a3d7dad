// The sending side of a simulated socket: what the client's kernel takes of a write and when, how the bytes are cut on the
// way to the broker, and where the way breaks. Only bytes that were taken can arrive, and a write ends when its last byte was
// taken: nothing else may be concluded from a write that has not ended.
import { createPipe, cutIntoPieces } from './pipe.ts';
import type { World } from './world.ts';

export type Done = (error?: Error | null) => void;
export type CutKind = 'rst' | 'fin' | 'stall';

export interface KernelOptions {
  world: World;
  blockedUntilMs: () => number;
  delayMs: () => number;
  onRead: (bytes: Buffer) => void;
  /** The client has closed its end, and all that it sent has arrived. */
  onEnd: () => void;
  /** The network has cut the connection. */
  onCut: (kind: CutKind) => void;
  /** A reset is read in the very turn of a write. */
  onResetAtOnce: () => void;
}

export interface Kernel {
  readonly isStalled: boolean;
  write(bytes: Buffer, done: Done): void;
  end(): void;
  /** The socket is gone. What was taken is still sent, or dropped as when the kernel resets the connection. */
  close(): void;
  /** Fails the write that waits; false when none waits, or when all of it was taken and that is known. */
  failWrite(error: Error): boolean;
  /** Nothing arrives any more. */
  stop(): void;
}

export function createKernel(options: KernelOptions): Kernel {
  const { world, delayMs, onRead, onCut } = options;
  const { plan, random, scheduler, strikes } = world;
  let pending: { bytes: Buffer; taken: number; done: Done } | undefined;
  let inKernel = 0;
  let taken = 0;
  let read = 0;
  let cut: { at: number; kind: CutKind } | undefined;
  let isClosed = false;
  let isStopped = false;

  const pipe = createPipe<Buffer | 'end'>({
    scheduler,
    kind: 'world',
    blockedUntilMs: options.blockedUntilMs,
    deliver: (piece) => {
      if (isStopped) return;
      if (piece === 'end') options.onEnd();
      else arrive(piece);
    },
  });

  const isAllTaken = (): boolean => pending !== undefined && pending.taken === pending.bytes.length;

  function endWrite(): void {
    const done = pending?.done;
    pending = undefined;
    done?.();
  }

  function endWriteIfTaken(): void {
    if (!isAllTaken()) return;
    if (!plan.tls) return endWrite();
    // Node's TLSWrap tells so later, whatever the kernel did with the bytes meanwhile.
    const ending = pending;
    scheduler.after(random.between(0, 15), 'input', () => pending === ending && endWrite());
  }

  function takeMore(): void {
    take();
    endWriteIfTaken();
  }

  /** Takes what there is room for, or less. */
  function take(): void {
    if (pending === undefined || isClosed) return;
    const left = pending.bytes.length - pending.taken;
    let count = Math.min(left, plan.kernelBytesMax - inKernel);
    if (count > 0 && random.chance(plan.trickleRate)) {
      count = random.int(0, count);
      if (count < left) scheduler.after(random.between(0, 30), 'input', takeMore);
    }
    if (count <= 0) return;
    const bytes = pending.bytes.subarray(pending.taken, pending.taken + count);
    pending.taken += count;
    taken += count;
    inKernel += count;
    for (const piece of cutIntoPieces(bytes, random.int(1, plan.segmentsMax), random)) pipe.push(piece, delayMs());
  }

  function arrive(piece: Buffer): void {
    const rest = cut ? cut.at - read : Infinity;
    const isCutHere = piece.length >= rest;
    const bytes = piece.subarray(0, Math.max(0, rest));
    read += bytes.length;
    if (!isCutHere || cut?.kind !== 'stall') free(piece.length);
    if (bytes.length > 0) onRead(bytes);
    if (!isCutHere || cut === undefined || cut.kind === 'stall') return;
    world.count(`cut up: ${cut.kind}`);
    onCut(cut.kind);
  }

  function free(bytes: number): void {
    inKernel -= bytes;
    if (pending) scheduler.after(delayMs(), 'input', takeMore);
  }

  return {
    get isStalled() {
      return cut?.kind === 'stall';
    },
    write(bytes, done) {
      const isCutHere = cut === undefined && strikes('cutUp');
      if (isCutHere) {
        // Behind the terminator's last byte is as good a place as within the line.
        const within = random.chance(0.5) ? bytes.length - random.int(0, 2) : random.int(0, bytes.length);
        cut = { at: taken + within, kind: random.pick(['rst', 'rst', 'fin', 'stall']) };
      }
      pending = { bytes, taken: 0, done };
      take();
      // All was taken at once: Node then counts nothing as buffered even before the callback has run.
      if (isAllTaken()) return endWriteIfTaken();
      // libuv tries once more within the call, and reports only in its next turn; a reset may be read before that.
      take();
      if (isAllTaken() && isCutHere) {
        cut = { at: taken, kind: 'rst' };
        scheduler.after(0, 'input', options.onResetAtOnce);
      }
      scheduler.after(0, 'input', takeMore);
    },
    end: () => pipe.push('end', delayMs()),
    close() {
      isClosed = true;
      if (random.chance(0.25)) pipe.clear();
      pipe.push('end', delayMs());
      const done = pending?.done;
      pending = undefined;
      // libuv ends the write as cancelled, and Node's net calls back without an error on a destroyed socket.
      if (done) scheduler.after(0, 'input', () => done(null));
    },
    failWrite(error) {
      if (pending === undefined || (isAllTaken() && !plan.tls)) return false;
      const { done } = pending;
      pending = undefined;
      done(error);
      return true;
    },
    stop: () => (isStopped = true),
  };
}
