// SIGUSR2 turns debug lines on, and off again, while the program runs. The listener is there from the first line of the program
// on, because a signal without a listener ends Node.
import type { Logger } from 'pino';

export interface DebugSwitch {
  /** Sets the log whose level the signal changes. */
  use(log: Logger): void;
}

export interface DebugSwitchOptions {
  /** The process. */
  events: { on(event: 'SIGUSR2', listener: () => void): unknown };
}

export function listenForDebug({ events }: DebugSwitchOptions): DebugSwitch {
  let log: Logger | undefined;
  let configured = '';
  let isOn = false;

  function apply(): void {
    if (log === undefined) return;
    const level = isOn && configured !== 'trace' ? 'debug' : configured;
    // The line is written while the lower of both levels holds, so that it is seen.
    if (isOn) log.level = level;
    log.info({ level_now: level }, `SIGUSR2: debug lines are ${isOn ? 'on, until the next one' : 'off'}`);
    log.level = level;
  }

  events.on('SIGUSR2', () => {
    isOn = !isOn;
    apply();
  });
  return {
    use(given) {
      log = given;
      configured = given.level;
      if (isOn) apply();
    },
  };
}
