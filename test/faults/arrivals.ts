// Callers of the API, cheap enough for many thousand requests a second, and what each of them saw. They come at a pace of
// their own and wait for nobody (an open loop: each takes an idle connection, or else opens a fresh one), or they are few,
// and each asks again as soon as it has its response. They live in a process of their own.
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { forkChild } from '../helpers/children.ts';
import { encodeRequest, openHttpConnection, type HttpConnection } from '../../bench/harness/http-connection.ts';
import { nodeArgs } from '../helpers/paths.ts';

export interface ArrivalsOptions {
  /** Of the API. */
  url: string;
  path: string;
  body: unknown;
  /** So many arrivals a second, or so many callers that wait for their responses. */
  load: { perSecond: number } | { callers: number };
}

export interface Seen {
  /** On the clock of `nowMs`. */
  startedMs: number;
  /** From the request, on a fresh connection from connecting, to the last byte of the response. */
  tookMs: number;
  /** 0: the connection ended without a response. */
  status: number;
  /** -1: none. */
  retryAfterSeconds: number;
}

export interface Witness {
  seen: readonly Seen[];
  /** Who came while as many others waited as this process can hold: not sent. */
  turnedAway: number;
}

export interface Arrivals {
  /** Nobody comes any more; resolves, when all have their responses, with what they saw. */
  stop(): Promise<Witness>;
}

/** The same clock in all processes of a test. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

/** Callers of an open loop that are there at once. */
const connectionsMax = 9000;

function startArrivals({ url, path, body, load }: ArrivalsOptions): Arrivals {
  const request = encodeRequest('POST', path, JSON.stringify(body));
  const port = Number(new URL(url).port);
  const seen: Seen[] = [];
  const idle: Caller[] = [];
  let open = 0;
  let waiting = 0;
  let turnedAway = 0;
  let isOver = false;
  let onAllEnded: () => void = () => undefined;

  interface Caller {
    readonly connection: HttpConnection;
    /** Of the request that waits for its response. */
    startedMs: number | undefined;
    isLost: boolean;
  }

  function openCaller(): Caller {
    open++;
    const caller: Caller = {
      startedMs: undefined,
      isLost: false,
      connection: openHttpConnection(port, {
        onResponse(status, response) {
          idle.push(caller);
          ended(caller, status, status === 503 ? retryAfterOf(response) : -1);
        },
        onLost: () => lose(caller),
      }),
    };
    return caller;
  }

  function lose(caller: Caller): void {
    if (caller.isLost) return;
    caller.isLost = true;
    caller.connection.close();
    open--;
    if (caller.startedMs !== undefined) return ended(caller, 0, -1);
    idle.splice(idle.indexOf(caller), 1);
  }

  function call(caller: Caller): void {
    caller.startedMs = nowMs();
    waiting++;
    caller.connection.send(request);
  }

  function ended(caller: Caller, status: number, retryAfterSeconds: number): void {
    const startedMs = caller.startedMs ?? 0;
    seen.push({ startedMs, tookMs: nowMs() - startedMs, status, retryAfterSeconds });
    caller.startedMs = undefined;
    waiting--;
    if (isOver && waiting === 0) return onAllEnded();
    if (isOver || 'perSecond' in load) return;
    if (status !== 0) return arrive();
    // Not at once: a service that is gone must not make this loop spin.
    setTimeout(() => isOver || arrive(), 10);
  }

  function arrive(): void {
    call(idle.pop() ?? openCaller());
  }

  const beganMs = nowMs();
  let arrived = 0;
  function tick(perSecond: number): void {
    if (isOver) return;
    const due = ((nowMs() - beganMs) * perSecond) / 1000;
    for (; arrived < due && (idle.length > 0 || open < connectionsMax); arrived++) arrive();
    // At no cost: who gives a load must have time to read the responses.
    for (; arrived < due; arrived++) turnedAway++;
    setTimeout(tick, 1, perSecond);
  }

  if ('perSecond' in load) tick(load.perSecond);
  else for (let index = 0; index < load.callers; index++) arrive();

  return {
    async stop() {
      isOver = true;
      if (waiting > 0) await new Promise<void>((resolve) => (onAllEnded = resolve));
      for (const { connection } of idle.splice(0)) connection.close();
      return { seen, turnedAway };
    },
  };
}

function retryAfterOf(response: Buffer): number {
  const match = /\r\nretry-after: *(\d+)/i.exec(response.toString('latin1'));
  return match ? Number(match[1]) : -1;
}

/** Starts them in a process of their own, so that their work is not in the times that they see. Resolves as they begin. */
export async function forkArrivals(t: TestContext, options: ArrivalsOptions): Promise<Arrivals> {
  const child = forkChild(fileURLToPath(import.meta.url), [], { execArgv: [...nodeArgs], serialization: 'advanced' });
  const gone = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  child.send(options);
  await once(child, 'message');
  return {
    async stop() {
      child.send('stop');
      const [{ columns, turnedAway }] = (await once(child, 'message')) as [Told];
      child.disconnect();
      await gone;
      return { seen: fromColumns(columns), turnedAway };
    },
  };
}

/** Numbers go through the channel as columns: a million objects would not. */
type Columns = readonly [startedMs: Float64Array, tookMs: Float64Array, status: Float64Array, retryAfter: Float64Array];

interface Told {
  columns: Columns;
  turnedAway: number;
}

const toColumns = (seen: readonly Seen[]): Columns => [
  Float64Array.from(seen, ({ startedMs }) => startedMs),
  Float64Array.from(seen, ({ tookMs }) => tookMs),
  Float64Array.from(seen, ({ status }) => status),
  Float64Array.from(seen, ({ retryAfterSeconds }) => retryAfterSeconds),
];

const fromColumns = ([startedMs, tookMs, status, retryAfter]: Columns): Seen[] =>
  Array.from(startedMs, (started, index) => ({
    startedMs: started,
    tookMs: tookMs[index] as number,
    status: status[index] as number,
    retryAfterSeconds: retryAfter[index] as number,
  }));

async function serve(): Promise<void> {
  const [options] = (await once(process, 'message')) as [ArrivalsOptions];
  const arrivals = startArrivals(options);
  process.send?.('begun');
  await once(process, 'message');
  process.once('disconnect', () => process.exit());
  const { seen, turnedAway } = await arrivals.stop();
  process.send?.({ columns: toColumns(seen), turnedAway } satisfies Told);
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) await serve();
