// The fake clock for a broker, which reads a date from it.
import { createFakeClock as createClock, type FakeClock } from '../helpers/fake-clock.ts';

export type { FakeClock };

export const createFakeClock = (startMs = Date.UTC(2030, 0, 1)): FakeClock => createClock(startMs);
