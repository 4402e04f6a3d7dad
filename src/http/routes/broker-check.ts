// Whether the broker answers, for /ready: asked at most once a second however many ask, never by two at a time, and
// answered in bounded time even when the broker is silent.
import type { Clock } from '../../domain/clock.ts';

const cacheMs = 1000;
const timeoutMs = 2000;

/** A check that resolves with the reason why the broker is not usable, or undefined; it never rejects. */
export function createBrokerCheck(clock: Clock, ping: () => Promise<void>): () => Promise<string | undefined> {
  let underWay: Promise<string | undefined> | undefined;
  let latest: { atMs: number; reason: string | undefined } | undefined;

  const ask = async (): Promise<string | undefined> => {
    const reason = await withinTime(clock, ping);
    latest = { atMs: clock.now(), reason };
    underWay = undefined;
    return reason;
  };
  return () => {
    if (latest !== undefined && clock.now() - latest.atMs < cacheMs) return Promise.resolve(latest.reason);
    return (underWay ??= ask());
  };
}

/** The reason is a constant: what a dependency says may hold an address or worse. */
function withinTime(clock: Clock, ping: () => Promise<void>): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = clock.after(timeoutMs, () => resolve(`the broker did not answer within ${timeoutMs} ms`));
    const settle = (reason: string | undefined) => (): void => {
      timer.cancel();
      resolve(reason);
    };
    ping().then(settle(undefined), settle('the broker did not answer a command that reaches its store'));
  });
}
