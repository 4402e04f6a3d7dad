// Whether a server that this process needs answers, for /ready. It is asked at most once a second, however many ask, and never
// twice at a time. The check ends in bounded time even when the server is silent.
import { causeOf } from './cause.ts';
import type { Clock } from './clock.ts';
import { inTime } from './in-time.ts';

export interface ServerCheckOptions {
  clock: Clock;
  /** The server's name in the reason: the broker. */
  name: string;
  /** Rejects with the reason when the server does not work. */
  ask: () => Promise<void>;
  /** How long a positive result counts. */
  maxAgeMs?: number;
}

const failureAgeMs = 1000;
const timeoutMs = 2000;

/** A check that resolves with the reason why the server is not usable, or undefined; it never rejects. */
export function createServerCheck(options: ServerCheckOptions): () => Promise<string | undefined> {
  const { clock, maxAgeMs = failureAgeMs } = options;
  let underWay: Promise<string | undefined> | undefined;
  let latest: { atMs: number; reason: string | undefined } | undefined;

  async function ask(): Promise<string | undefined> {
    const reason = await reasonOf(options);
    latest = { atMs: clock.now(), reason };
    underWay = undefined;
    return reason;
  }

  return () => {
    const ageMs = latest === undefined ? Infinity : clock.now() - latest.atMs;
    if (ageMs < (latest?.reason === undefined ? maxAgeMs : failureAgeMs)) return Promise.resolve(latest?.reason);
    return (underWay ??= ask());
  };
}

/** The reason is one of our own texts, because a server's text may contain an address or a password. */
async function reasonOf({ clock, name, ask }: ServerCheckOptions): Promise<string | undefined> {
  const lateError = (): Error => new Error('no reply');
  try {
    await inTime(ask(), { clock, timeoutMs, lateError });
    return undefined;
  } catch (error) {
    return `${name} cannot be used: ${causeOf(error) ?? 'the log says why'}`;
  }
}
