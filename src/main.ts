#!/usr/bin/env node
// The one program: `node dist/main.js [api|worker|broker]`. Without a role it is the API against FAKTORY_URL, or, when that
// is unset, API, worker and broker in one process. Reads the environment, starts the role, stops it once.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import closeWithGrace from 'close-with-grace';
import { config as loadDotenv } from 'dotenv';
import { pino, stdTimeFunctions } from 'pino';
import { ConfigError, loadConfig, type Config } from './config/load.ts';
import { configWarnings } from './config/warnings.ts';
import { startAllInOne } from './roles/all-in-one.ts';
import { startApi } from './roles/api.ts';
import { startBroker } from './roles/broker.ts';
import { startWorker } from './roles/worker.ts';
import { RoleError, type Role } from './roles/role.ts';

const roles: Readonly<Record<string, Role>> = { api: startApi, worker: startWorker, broker: startBroker };

function chooseRole(name: string | undefined, config: Config): Role {
  if (name === undefined) return config.FAKTORY_URL ? startApi : startAllInOne;
  const role = Object.hasOwn(roles, name) ? roles[name] : undefined;
  if (!role) throw new RoleError(`there is no role "${name}"; roles: ${Object.keys(roles).join(', ')}`);
  return role;
}

function readEnvironment(): Config {
  const { error } = loadDotenv({ quiet: true });
  if (error && error.code !== 'ENOENT') throw new RoleError(`.env cannot be read: ${error.message}`);
  return loadConfig(process.env);
}

/** A worker whose broker is away holds nothing else that keeps Node alive; only a signal or a failure ends the program. */
const stayAlive = (): void => void setInterval(() => undefined, 2 ** 30);

// V8 allocates what a literal makes in the old generation once it saw a hundred of them survive a collection, and jobs under
// way may look like that: each then keeps all that it refers to alive until the next full collection
// (docs/decisions/group-commit.md).
setFlagsFromString('--no-allocation-site-pretenuring');

async function main(): Promise<void> {
  const config = readEnvironment();
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const log = pino({ level: config.LOG_LEVEL, timestamp: stdTimeFunctions.isoTime });
  for (const warning of configWarnings(process.env)) log.warn(warning);
  stayAlive();
  const role = chooseRole(process.argv[2], config);
  const stop = new AbortController();
  const running = role({ config, log, version, fail: (error) => stop.abort(error) });
  const grace = closeWithGrace({ delay: config.SHUTDOWN_TIMEOUT_MS, logger: log }, async ({ signal, err }) => {
    const reason = err ?? (stop.signal.reason as Error | undefined);
    log.info({ signal, reason: reason?.message }, 'stopping');
    // An interrupt comes from a terminal: there is no balancer to tell.
    await (await running).stop({ skipDrainDelay: signal === 'SIGINT' || reason !== undefined });
    if (reason) throw reason;
    log.info('stopped');
  });
  stop.signal.addEventListener('abort', () => grace.close());
  await running;
}

main().catch((error: unknown) => {
  const isExpected = error instanceof ConfigError || error instanceof RoleError;
  console.error(isExpected ? error.message : error);
  process.exit(1);
});
