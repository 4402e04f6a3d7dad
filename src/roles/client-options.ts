// Settings of the environment, in seconds, as options of the Faktory client, in milliseconds.
import type { Config } from '../config/load.ts';
import type { FaktoryAddress } from '../domain/faktory-address.ts';
import { systemClock } from '../domain/clock.ts';
import type { FaktoryClientOptions } from '../faktory/client.ts';

export const clientOptions = (config: Config, address: FaktoryAddress): Omit<FaktoryClientOptions, 'size'> => ({
  address,
  clock: systemClock,
  random: Math.random,
  connectTimeoutMs: config.FAKTORY_CONNECTION_TIMEOUT * 1000,
  readTimeoutMs: config.FAKTORY_READ_TIMEOUT * 1000,
  writeTimeoutMs: config.FAKTORY_WRITE_TIMEOUT * 1000,
  keepAliveDelayMs: config.FAKTORY_KEEPALIVE_DELAY_MS,
});
