// Sends BEATs: the broker forgets a worker after 60 s without a BEAT, and its reply may be `quiet` or `terminate`. BEATs have a
// connection of their own, because the broker's `quiet` stops the FETCHes of a wid's first connection only.
import type { Clock, Timer } from '../../domain/clock.ts';
import type { FaktoryClient } from '../client.ts';
import { ReplyError } from '../connection.ts';
import type { SourceLog } from './clients.ts';

export interface HeartbeatOptions {
  client: FaktoryClient;
  wid: string;
  clock: Clock;
  intervalMs: number;
  /** Called when an operator has asked for the state on the broker's web page. */
  onState: (state: 'quiet' | 'terminate') => void;
  log: SourceLog;
}

export interface Heartbeat {
  /** When the broker last replied to a BEAT, by the clock. */
  readonly repliedMs: number;
  /** To be called as the connections of the client change. */
  onClientChange(): void;
  /** Tells the broker from now on that the worker takes no more jobs. */
  quiet(): void;
  stop(): void;
}

export function createHeartbeat({ client, wid, clock, intervalMs, onState, log }: HeartbeatOptions): Heartbeat {
  let isQuiet = false;
  let isStopped = false;
  let isBeating = false;
  let repliedMs = -Infinity;
  let timer: Timer | undefined;

  async function beat(): Promise<void> {
    timer?.cancel();
    if (isBeating || isStopped) return;
    isBeating = true;
    try {
      const rss_kb = Math.round(process.memoryUsage.rss() / 1024);
      const body = JSON.stringify({ wid, rss_kb, ...(isQuiet && { current_state: 'quiet' }) });
      hear(await client.send(['BEAT', body]));
      repliedMs = clock.now();
    } catch (error) {
      complain(error as Error);
    }
    isBeating = false;
    if (!isStopped) timer = clock.after(intervalMs, () => void beat());
  }

  function hear(reply: string): void {
    const state = /^\{.*"state":\s*"(quiet|terminate)"/.exec(reply)?.[1];
    if (state === 'terminate' || (state === 'quiet' && !isQuiet)) onState(state);
  }

  function complain(error: Error): void {
    const isForgotten = error instanceof ReplyError && /unknown worker/i.test(error.message);
    log.warn({ error: error.message }, isForgotten ? 'the broker forgot this worker' : 'no heartbeat');
    // A new connection sends HELLO, which makes the wid known again. The FETCHes go on meanwhile.
    if (isForgotten) for (const connection of client.live) connection.destroy(error);
  }

  return {
    get repliedMs() {
      return repliedMs;
    },
    onClientChange() {
      if (client.live.length > 0) void beat();
    },
    quiet() {
      isQuiet = true;
    },
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}
