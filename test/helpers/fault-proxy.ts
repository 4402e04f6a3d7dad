// A TCP proxy that spoils the path to a broker: delay and jitter, black holes, throttling, bytes split or merged, and cuts
// (RST, FIN, stall, garbage) after an exact number of bytes, either way. Seeded, so that a run can be had again.
// By hand: node --import tsx test/helpers/fault-proxy.ts --help
// It works on bytes, not packets: connecting is not slowed down, and there is no slow start.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';

/** The faults of one direction. A change applies from the next chunk on. */
export interface Fault {
  delayMs?: number;
  /** Up to so much on top of the delay, for each chunk; order is kept. */
  jitterMs?: number;
  bytesPerSecond?: number;
  /** Largest chunk that is handed on; 1 sends byte by byte. */
  splitBytes?: number;
  /** Collects what arrives for so long and hands it on as one chunk. */
  mergeMs?: number;
  /** What arrives is read and lost. */
  blackHole?: boolean;
  /** Forwards `afterBytes` bytes, counted from this setting, then ends the direction as `by` says. Later bytes are never forwarded. */
  cut?: { afterBytes: number; by: CutKind };
}

/**
 * - `rst`, `fin`: ends the connection to both sides so; the receiver has the bytes before the cut.
 * - `stall`: nothing more is read nor handed on in this direction, as when the reader hangs.
 * - `garbage`: bytes of no protocol follow, then both sides are closed.
 */
export type CutKind = 'rst' | 'fin' | 'stall' | 'garbage';

export interface Faults {
  toBroker?: Fault;
  toClient?: Fault;
}

export interface FaultProxyOptions {
  /** By connection, counted from 0, or the same for all. */
  faults?: Faults | ((connection: number) => Faults);
  seed?: number;
  /** 0 is a free one. */
  listenPort?: number;
}

export interface FaultProxy {
  readonly port: number;
  readonly openCount: number;
  /** For the connections from now on. */
  setFaults(faults: NonNullable<FaultProxyOptions['faults']>): void;
  /** Ends every connection, both sides. */
  cutAll(by: 'rst' | 'fin'): void;
  close(): Promise<void>;
}

/** A small seeded generator (mulberry32): from 0 up to 1. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** @param targetPort where connections go, the same for all or by connection */
export async function startFaultProxy(
  targetPort: number | ((connection: number) => number),
  options: FaultProxyOptions = {},
): Promise<FaultProxy> {
  let faults = options.faults ?? {};
  let connections = 0;
  const random = createRandom(options.seed ?? 1);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const own = typeof faults === 'function' ? faults(connections) : faults;
    const port = typeof targetPort === 'function' ? targetPort(connections) : targetPort;
    connections++;
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    relay(near, far, own.toBroker ?? {}, random);
    relay(far, near, own.toClient ?? {}, random);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
  });
  server.listen(options.listenPort ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const cutAll = (by: 'rst' | 'fin'): void => {
    for (const socket of sockets) endBy(by, socket);
  };
  return {
    port: (server.address() as AddressInfo).port,
    get openCount() {
      return sockets.size / 2;
    },
    setFaults(next) {
      faults = next;
    },
    cutAll,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** A proxy that only delays: half of the round trip each way. */
export const startDelayProxy = (targetPort: number, roundTripMs: number): Promise<FaultProxy> =>
  startFaultProxy(targetPort, {
    faults: { toBroker: { delayMs: roundTripMs / 2 }, toClient: { delayMs: roundTripMs / 2 } },
  });

function endBy(by: 'rst' | 'fin', socket: Socket): void {
  // Node 20 cannot end a process in which a socket was reset while its FIN was under way: uv_tcp_close_reset refuses that.
  if (by === 'rst') void (socket.writableEnded ? socket.destroy() : socket.resetAndDestroy());
  else socket.end();
}

/** Chunks that wait for their time, in order; reading pauses while this many bytes wait, as a full path would make it. */
const waitingBytesMax = 1 << 20;
const garbage = Buffer.from([0xff, 0x00, 0x13, 0x37, 0x0d, 0x0a]);

function relay(from: Socket, to: Socket, fault: Fault, random: () => number): void {
  let counted: Fault['cut'];
  let left = Infinity;
  let freeAtMs = 0;
  let waitingBytes = 0;
  const waiting: (() => void)[] = [];
  let isCut = false;
  let merging: Buffer[] | undefined;

  /** Runs `act` when everything before it has been handed on. */
  function inTurn(bytes: number, act: () => void): void {
    const now = performance.now();
    const delayMs = (fault.delayMs ?? 0) + (fault.jitterMs ?? 0) * random();
    freeAtMs = Math.max(freeAtMs, now + delayMs) + (bytes / (fault.bytesPerSecond ?? Infinity)) * 1000;
    if (freeAtMs <= now && waiting.length === 0) return act();
    waiting.push(act);
    waitingBytes += bytes;
    if (waitingBytes > waitingBytesMax) from.pause();
    // Timers of different lengths may fire out of order by a millisecond: each runs whoever is first.
    setTimeout(() => {
      waitingBytes -= bytes;
      if (waitingBytes <= waitingBytesMax && !isCut) from.resume();
      waiting.shift()?.();
    }, freeAtMs - now);
  }

  function handOn(chunk: Buffer): void {
    const step = fault.splitBytes ?? chunk.length;
    for (let start = 0; start < chunk.length; start += step) {
      const piece = chunk.subarray(start, start + step);
      inTurn(piece.length, () => {
        if (to.destroyed || to.writableEnded) return;
        // The peer reads slowly: so do we.
        if (!to.write(piece)) {
          from.pause();
          to.once('drain', () => isCut || from.resume());
        }
      });
    }
  }

  function cut(by: CutKind): void {
    isCut = true;
    if (by === 'stall') return void from.pause();
    inTurn(0, () => {
      if (by === 'garbage') to.write(garbage);
      for (const socket of [to, from]) endBy(by === 'rst' ? 'rst' : 'fin', socket);
    });
  }

  from.on('data', (chunk: Buffer) => {
    if (fault.blackHole || isCut) return;
    if (fault.cut !== counted) {
      counted = fault.cut;
      left = counted?.afterBytes ?? Infinity;
    }
    const passing = chunk.subarray(0, left);
    left -= passing.length;
    if (passing.length > 0) {
      if (fault.mergeMs === undefined) handOn(passing);
      else if (merging) merging.push(passing);
      else {
        merging = [passing];
        setTimeout(() => {
          handOn(Buffer.concat(merging ?? []));
          merging = undefined;
        }, fault.mergeMs);
      }
    }
    if (left === 0 && counted) cut(counted.by);
  });
  from.on('end', () => isCut || inTurn(0, () => to.end()));
  from.on('error', () => inTurn(0, () => endBy('rst', to)));
  from.on('close', () => inTurn(0, () => to.destroySoon()));
}

const help = `Usage: node --import tsx test/helpers/fault-proxy.ts --target PORT [options]
  --listen PORT            default: a free one, printed
  --seed N                 of the jitter; default 1
Each of these for one direction with the prefix to-broker- or to-client-, for both without:
  --delay-ms N  --jitter-ms N  --bytes-per-second N  --split-bytes N  --merge-ms N  --black-hole
  --cut-after N  --cut-by rst|fin|stall|garbage`;

type Values = Readonly<Record<string, string | boolean | undefined>>;

function faultOf(values: Values, direction: string): Fault {
  const value = (name: string) => values[`${direction}-${name}`] ?? values[name];
  const fault: Fault = { blackHole: value('black-hole') === true };
  for (const [name, key] of [
    ['delay-ms', 'delayMs'],
    ['jitter-ms', 'jitterMs'],
    ['bytes-per-second', 'bytesPerSecond'],
    ['split-bytes', 'splitBytes'],
    ['merge-ms', 'mergeMs'],
  ] as const) {
    if (value(name) !== undefined) fault[key] = Number(value(name));
  }
  const by = (value('cut-by') ?? 'rst') as CutKind;
  if (value('cut-after') !== undefined) fault.cut = { afterBytes: Number(value('cut-after')), by };
  return fault;
}

async function main(): Promise<void> {
  const names = ['delay-ms', 'jitter-ms', 'bytes-per-second', 'split-bytes', 'merge-ms', 'cut-after', 'cut-by'];
  const directions = ['', 'to-broker-', 'to-client-'];
  const parsed = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      target: { type: 'string' },
      listen: { type: 'string' },
      seed: { type: 'string' },
      ...Object.fromEntries<{ type: 'string' | 'boolean' }>(
        directions.flatMap((prefix) => [
          ...names.map((name) => [prefix + name, { type: 'string' as const }] as const),
          [`${prefix}black-hole`, { type: 'boolean' as const }] as const,
        ]),
      ),
    },
  });
  const values = parsed.values as Values;
  if (values['help'] === true || values['target'] === undefined) return console.log(help);
  const proxy = await startFaultProxy(Number(values['target']), {
    listenPort: Number(values['listen'] ?? 0),
    seed: Number(values['seed'] ?? 1),
    faults: { toBroker: faultOf(values, 'to-broker'), toClient: faultOf(values, 'to-client') },
  });
  console.log(`127.0.0.1:${proxy.port} -> 127.0.0.1:${String(values['target'])}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
