// Callers of the API, cheap enough for many thousand requests a second, and what each of them saw. They come at a pace of
// their own and wait for nobody (an open loop: each takes an idle connection, or else opens a fresh one), or they are few,
// and each asks again as soon as it has its answer. In this process, or in one of their own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encodeRequest, openHttpConnection, type HttpConnection } from '../../bench/harness/http-connection.ts';

export interface ArrivalsOptions {
  /** Of the API. */
  url: string;
  path: string;
  body: unknown;
  /** So many arrivals a second, or so many callers that wait for their answers. */
  load: { perSecond: number } | { callers: number };
}

export interface Seen {
  /** On the clock of `nowMs`. */
  startedMs: number;
  /** From the request, on a fresh connection from connecting, to the last byte of the answer. */
  tookMs: number;
  /** 0: the connection ended without an answer. */
  status: number;
  /** -1: none. */
  retryAfterSeconds: number;
}

export interface Arrivals {
  /** Nobody comes any more; resolves, when all have their answers, with what they saw. */
  stop(): Promise<readonly Seen[]>;
}

/** The same clock in all processes of a test. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

/** Callers of an open loop that are there at once: who comes above it is turned away here, with status 0. */
const connectionsMax = 9000;

export function startArrivals({ url, path, body, load }: ArrivalsOptions): Arrivals {
  const request = encodeRequest('POST', path, JSON.stringify(body));
  const port = Number(new URL(url).port);
  const seen: Seen[] = [];
  const idle: Caller[] = [];
  let open = 0;
  let waiting = 0;
  let isOver = false;
  let onAllAnswered: () => void = () => undefined;

  interface Caller {
    readonly connection: HttpConnection;
    /** Of the request that waits for its answer. */
    startedMs: number | undefined;
    isLost: boolean;
  }

  function openCaller(): Caller {
    open++;
    const caller: Caller = {
      startedMs: undefined,
      isLost: false,
      connection: openHttpConnection(port, {
        onAnswer(status, answer) {
          idle.push(caller);
          ended(caller, status, status === 503 ? retryAfterOf(answer) : -1);
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

  function note(startedMs: number, status: number, retryAfterSeconds: number): void {
    seen.push({ startedMs, tookMs: nowMs() - startedMs, status, retryAfterSeconds });
  }

  function ended(caller: Caller, status: number, retryAfterSeconds: number): void {
    note(caller.startedMs ?? 0, status, retryAfterSeconds);
    caller.startedMs = undefined;
    waiting--;
    if (isOver && waiting === 0) return onAllAnswered();
    if (isOver || 'perSecond' in load) return;
    if (status !== 0) return arrive();
    // Not at once: a service that is gone must not make this loop spin.
    setTimeout(() => isOver || arrive(), 10);
  }

  function arrive(): void {
    const caller = idle.pop();
    if (caller) call(caller);
    else if (open < connectionsMax) call(openCaller());
    else note(nowMs(), 0, -1);
  }

  const beganMs = nowMs();
  let arrived = 0;
  function tick(perSecond: number): void {
    if (isOver) return;
    const due = ((nowMs() - beganMs) * perSecond) / 1000;
    for (; arrived < due; arrived++) arrive();
    setTimeout(tick, 1, perSecond);
  }

  if ('perSecond' in load) tick(load.perSecond);
  else for (let index = 0; index < load.callers; index++) arrive();

  return {
    async stop() {
      isOver = true;
      if (waiting > 0) await new Promise<void>((resolve) => (onAllAnswered = resolve));
      for (const { connection } of idle.splice(0)) connection.close();
      return seen;
    },
  };
}

function retryAfterOf(answer: Buffer): number {
  const match = /\r\nretry-after: *(\d+)/i.exec(answer.toString('latin1'));
  return match ? Number(match[1]) : -1;
}

/** The same in a process of their own, so that their work is not in the times that they see. Resolves as they begin. */
export async function forkArrivals(t: TestContext, options: ArrivalsOptions): Promise<Arrivals> {
  const child = fork(fileURLToPath(import.meta.url), { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
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
      const [columns] = (await once(child, 'message')) as [Columns];
      child.disconnect();
      await gone;
      return fromColumns(columns);
    },
  };
}

/** Numbers go through the channel as columns: a million objects would not. */
type Columns = readonly [startedMs: Float64Array, tookMs: Float64Array, status: Float64Array, retryAfter: Float64Array];

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
  process.send?.(toColumns(await arrivals.stop()));
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) await serve();
