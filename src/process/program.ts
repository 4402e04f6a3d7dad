// One run of the program: reads the environment, starts the role, waits for the end, and stops the role in time.
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ConfigError } from '../config/load.ts';
import { configWarnings } from '../config/warnings.ts';
import { RoleError, type Role, type RoleContext, type Running } from '../roles/role.ts';
import { joinSupervisor } from '../supervisor/member.ts';
import type { RoleName } from './command-line.ts';
import type { DebugSwitch } from './debug-switch.ts';
import { hasTerminal } from './descriptors.ts';
import { readEnvironmentAndFile } from './environment.ts';
import { openLog, type ProgramLog } from './log.ts';
import type { Stop } from './stop.ts';

export interface ProgramOptions {
  role: RoleName | undefined;
  env: NodeJS.ProcessEnv;
  version: string;
  stop: Stop;
  debugSwitch: DebugSwitch;
  /** Prints the error that ends the start, to standard error. */
  printError: (text: unknown) => void;
}

/** Resolves with the exit code, when the role has stopped or cannot start. */
export async function runProgram(options: ProgramOptions): Promise<number> {
  const { env, printError } = options;
  let log: ProgramLog | undefined;
  try {
    const { config, fromFile } = readEnvironmentAndFile(env);
    log = await openLog(config, env);
    options.debugSwitch.use(log.log);
    for (const warning of configWarnings(env)) log.log.warn(warning);
    return await runRole(options, { config, fromFile }, log);
  } catch (error) {
    const isExpected = error instanceof ConfigError || error instanceof RoleError;
    printError(isExpected ? error.message : error);
    return 1;
  } finally {
    await log?.flush(flushMs);
  }
}

async function runRole(
  { role: name, stop, version }: ProgramOptions,
  { config, fromFile }: Pick<RoleContext, 'config' | 'fromFile'>,
  { log, lostLines, troubles }: ProgramLog,
): Promise<number> {
  stayAlive();
  if (stop.reason) return endBeforeStart(log, stop.reason.error);
  const fail = (error: Error): void => stop.request({ error });
  const member = joinSupervisor(fail);
  // A terminal that closes sends SIGHUP, too. So with a terminal SIGHUP is a stop.
  const onRestart = (restart: () => void): void => void (hasTerminal() || stop.reserve('SIGHUP', restart));
  const context = { config, fromFile, log, version, lostLogLines: lostLines, troubles, fail, member, onRestart };
  const running = loadRole(name, context).then((start) => start(context));
  let hasStarted = false;
  void running.then(
    () => {
      hasStarted = true;
      member?.tellReady();
    },
    () => undefined,
  );
  await Promise.race([running, stop.requested]);
  const { error } = await stop.requested;
  // The supervisor replies to no `listen` any more, so the start would never end.
  if (member?.isOrphaned && !hasStarted) return endBeforeStart(log, error);
  return endInTime({ running, stop, log, timeoutMs: config.SHUTDOWN_TIMEOUT_MS - flushMs });
}

/**
 * A process loads its own role only: without the API a worker or a broker starts in half the time and holds 16 MB less.
 * @throws RoleError when several processes are wanted where one holds the broker
 */
async function loadRole(name: RoleName | undefined, { config, member }: RoleContext): Promise<Role> {
  if (name === 'worker') return (await import('../roles/worker.ts')).startWorker;
  if (name === 'broker') return (await import('../roles/broker.ts')).startBroker;
  const count = config.API_PROCESSES === 'auto' ? availableParallelism() : config.API_PROCESSES;
  // An API process reads .env at its start. Without FAKTORY_URL there, the start fails: the process must not run a broker.
  if (name === 'api' || config.FAKTORY_URL || member) {
    if (count === 1 || member) return (await import('../roles/api.ts')).startApi;
    return (await import('../roles/api-processes.ts')).startApiProcesses(count);
  }
  if (config.API_PROCESSES !== 'auto' && count > 1)
    throw new RoleError(
      `API_PROCESSES=${count} needs FAKTORY_URL: without it the broker is in this process, and the API with it.`,
    );
  return (await import('../roles/all-in-one.ts')).startAllInOne;
}

/** The part of SHUTDOWN_TIMEOUT_MS for the last lines of a log whose reader is slow. */
const flushMs = 500;

/** A worker whose broker is away has nothing else that keeps Node alive. Only a signal or a failure ends the program. */
const stayAlive = (): void => void setInterval(() => undefined, 2 ** 30);

function endBeforeStart(log: Logger, error: Error | undefined): number {
  if (error) log.error({ err: error }, 'stopped before the start');
  else log.info('stopped before the start');
  return error ? 1 : 0;
}

interface Ending {
  running: Promise<Running>;
  stop: Stop;
  log: Logger;
  timeoutMs: number;
}

/** Resolves with the exit code after `timeoutMs` at the latest, or as soon as the stop is hurried. */
async function endInTime({ running, stop, log, timeoutMs }: Ending): Promise<number> {
  const { signal, error } = await stop.requested;
  log.info({ signal, error: error?.message }, 'stopping');

  async function endRole(): Promise<number> {
    // An interrupt comes from a terminal, so no balancer has to notice the drain.
    await (await running).stop({ skipDrainDelay: signal === 'SIGINT' || error !== undefined });
    if (error) throw error;
    log.info('stopped');
    return 0;
  }

  async function endAtOnce(): Promise<number> {
    const hurry = await stop.hurried;
    if (hurry.error) log.error({ err: hurry.error }, 'an error while stopping, exiting');
    else log.error(`second ${hurry.signal}, exiting`);
    return 1;
  }

  async function endByTime(): Promise<number> {
    await sleep(timeoutMs);
    log.error('not stopped within SHUTDOWN_TIMEOUT_MS, exiting');
    return 1;
  }

  return Promise.race([endRole(), endAtOnce(), endByTime()]).catch((failure: unknown) => {
    log.error({ err: failure }, 'stopped by an error');
    return 1;
  });
}
