// A pure function from a seed to everything that is decided before a run: the client's options, the network, the requests
// and the faults. Faults end at `healMs`; what happens afterwards must be success only.
import { createRandom, type Random } from './random.ts';

/** Probabilities per PUSHB, per reply or per connection, while the faults last. */
export const rateNames = [
  'cutUp', // the connection is cut within a command's bytes, or just behind them
  'cutDown', // the same within a reply's
  'partial', // some jobs of a frame are refused
  'refuseAll', // one error for the whole frame, nothing stored
  'ambiguous', // an error that does not say whether the job was stored
  'silent', // never answered
  'slow', // answered late
  'crash', // the broker dies within the command
  'lie', // something that cannot be the command's reply
  'stray', // a reply that nobody asked for
  'greeting', // a wrong handshake
  'limit', // turned away after the handshake
] as const;
export type RateName = (typeof rateNames)[number];

/** Faults with a time, of the whole broker, network or process. */
export const faultKinds = [
  'crash',
  'shutdown',
  'redisPause',
  'redisError',
  'limit',
  'partition',
  'slowReader',
  'blackhole',
  'freeze',
] as const;
export interface Fault {
  kind: (typeof faultKinds)[number];
  atMs: number;
  durationMs: number;
}

export interface Plan {
  seed: number;
  /** Nothing goes wrong: everything must be enqueued. */
  isCalm: boolean;
  connections: number;
  frameJobsMax: number;
  frameBytesMax: number;
  pendingJobsMax: number;
  pendingBytesMax: number;
  /** Of the expected wait for a frame, above which a job is turned away at once. */
  waitMsMax: number;
  lingerMs: number;
  connectTimeoutMs: number;
  readTimeoutMs: number;
  writeTimeoutMs: number;
  acquireTimeoutMs: number;
  enqueueTimeoutMs: number;
  password: string | undefined;
  /** Over TLS a write can be pending although its bytes have left. */
  tls: boolean;
  /** One way. */
  latencyMs: number;
  jitterMs: number;
  /** Into how many pieces the network cuts a write or a reply. */
  segmentsMax: number;
  /** How much the client's kernel takes before the broker has read it. */
  kernelBytesMax: number;
  /** How often the kernel takes less than it could. */
  trickleRate: number;
  mergeRate: number;
  rates: Readonly<Record<RateName, number>>;
  faults: readonly Fault[];
  requests: readonly { atMs: number; jobs: number; isSingle: boolean }[];
  pingsAtMs: readonly number[];
  healMs: number;
  /** Closes in the middle of the load; otherwise at the end. */
  closeAtMs: number | undefined;
}

export function createPlan(seed: number): Plan {
  const random = createRandom(seed);
  const isCalm = random.chance(0.06);
  const healMs = random.pick([800, 2500, 6000, 12_000]);
  const connections = random.int(1, 4);
  const frameJobsMax = random.pick([2, 5, 20, 100]);
  const readTimeoutMs = random.pick([7000, 7000, 10_000]);
  const connectTimeoutMs = random.pick([1000, 5000]);
  const faults = isCalm ? [] : createFaults(random, healMs);
  const acquireTimeoutMs = isCalm ? 6000 : random.pick([300, 2000, 6000]);
  const isTight = !isCalm && random.chance(0.3);
  const frameBytesMax = random.pick([400, 2000, 14_000]);
  const writeTimeoutMs = random.pick([1000, 5000]);
  const latencyMs = random.pick([0.05, 0.3, 3, 20, 120]);
  const jitterMs = random.pick([0, 0.2, 5, 40]);
  // With less a whole frame could never be written in time.
  const kernelBytesMin = Math.max(40, Math.ceil((frameBytesMax * 4 * (latencyMs + jitterMs + 20)) / writeTimeoutMs));
  return {
    seed,
    isCalm,
    connections,
    frameJobsMax,
    frameBytesMax,
    pendingJobsMax: isTight ? random.int(3, 40) : 100_000,
    pendingBytesMax: isTight && random.chance(0.5) ? random.int(600, 6000) : 10_000_000,
    waitMsMax: random.chance(0.3) ? acquireTimeoutMs * 0.5 : Infinity,
    lingerMs: random.chance(0.2) ? random.int(1, 40) : 0,
    connectTimeoutMs,
    readTimeoutMs,
    writeTimeoutMs,
    acquireTimeoutMs,
    enqueueTimeoutMs: isCalm ? 20_000 : random.pick([1500, 5000, 20_000]),
    password: random.chance(0.3) ? 'secret' : undefined,
    tls: random.chance(0.12),
    latencyMs,
    jitterMs,
    segmentsMax: random.pick([1, 2, 4, 12]),
    kernelBytesMax: !isCalm && random.chance(0.35) ? random.int(kernelBytesMin, kernelBytesMin * 4) : 200_000,
    trickleRate: random.chance(0.3) ? random.between(0.1, 0.6) : 0,
    mergeRate: random.pick([0, 0.3, 0.9]),
    rates: createRates(random, isCalm),
    faults,
    requests: createRequests(random, healMs, frameJobsMax, faults),
    pingsAtMs: Array.from({ length: random.int(0, 3) }, () => random.between(0, healMs)),
    healMs,
    closeAtMs: !isCalm && random.chance(0.15) ? random.between(0.2 * healMs, healMs) : undefined,
  };
}

function createRates(random: Random, isCalm: boolean): Record<RateName, number> {
  const rates = Object.fromEntries(rateNames.map((name) => [name, 0])) as Record<RateName, number>;
  const kinds = isCalm ? 0 : random.int(0, 4);
  for (let count = 0; count < kinds; count++) rates[random.pick(rateNames)] = random.pick([0.03, 0.1, 0.3]);
  return rates;
}

function createFaults(random: Random, healMs: number): Fault[] {
  return Array.from({ length: random.int(0, 3) }, () => {
    // What a pause of its Redis makes of a reply depends most on time, so there are more of those.
    const kind = random.chance(0.2) ? 'redisPause' : random.pick(faultKinds);
    const atMs = random.between(0, healMs * 0.6);
    const wantedMs = kind === 'redisPause' ? random.between(500, 9000) : random.pick([20, 300, 1500, 6000]);
    return { kind, atMs, durationMs: Math.min(wantedMs, healMs - atMs) };
  });
}

function createRequests(
  random: Random,
  healMs: number,
  frameJobsMax: number,
  faults: readonly Fault[],
): Plan['requests'][number][] {
  const bursts = Array.from({ length: random.int(1, 5) }, () => random.between(0, healMs));
  // The first connections are still being opened at 0; the last moments before and the first after a fault tell most.
  if (random.chance(0.3)) bursts.push(0);
  for (const { atMs } of faults) bursts.push(Math.max(0, atMs + random.between(-20, 60)));
  const requests = bursts.flatMap((startMs) => {
    const spreadMs = random.pick([0, 2, 50, 800]);
    return Array.from({ length: random.int(1, 12) }, () => {
      const isSingle = random.chance(0.75);
      const jobs = isSingle ? 1 : random.int(1, Math.min(60, frameJobsMax * 3));
      return { atMs: startMs + random.between(0, spreadMs), jobs, isSingle };
    });
  });
  return requests.sort((left, right) => left.atMs - right.atMs);
}
