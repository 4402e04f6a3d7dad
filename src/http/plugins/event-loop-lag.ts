// Says whether the event loop is so late that work should be refused. It samples a timer and costs requests nothing. A refusal
// costs as much as an acceptance, so this is the last resort; admission comes first.
import type { Clock, Timer } from '../../domain/clock.ts';

const sampleEveryMs = 250;
// Far above any pause of a healthy process. When it is reached, callers wait for seconds already.
const lagMaxMs = 1000;

export interface EventLoopLag {
  isHigh(): boolean;
  stop(): void;
}

/** One long pause is not overload: the lag is high when two samples in a row were late. */
export function createEventLoopLag(clock: Clock): EventLoopLag {
  let dueMs = 0;
  let latestMs = 0;
  let previousMs = 0;
  let timer: Timer;
  const arm = (): void => {
    dueMs = clock.now() + sampleEveryMs;
    timer = clock.after(sampleEveryMs, sample);
  };
  const sample = (): void => {
    previousMs = latestMs;
    latestMs = clock.now() - dueMs;
    arm();
  };
  arm();
  return {
    isHigh: () => latestMs > lagMaxMs && previousMs > lagMaxMs,
    stop: () => timer.cancel(),
  };
}
