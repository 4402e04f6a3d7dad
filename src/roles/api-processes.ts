// Several API processes behind one port (API_PROCESSES): this process is their supervisor.
// It uses node:cluster and not SO_REUSEPORT. Cluster hands out connections in turn, so a few callers with long connections do not
// meet in one process, and the port stays open while all processes are replaced. Node 20 has no SO_REUSEPORT for TCP.
import cluster from 'node:cluster';
import { systemClock } from '../domain/clock.ts';
import type { Child } from '../supervisor/member-process.ts';
import { createSupervisor } from '../supervisor/supervisor.ts';
import { requireFaktory, RoleError, type Role } from './role.ts';

/** The process reads .env anew, so it does not inherit what this process has read there. */
function forkApi(fromFile: readonly string[]): Child {
  const worker = cluster.fork(Object.fromEntries(fromFile.map((name) => [name, undefined])));
  return {
    pid: worker.process.pid,
    send: (message) => void (worker.isConnected() && worker.send(message)),
    kill: (signal) => void worker.process.kill(signal),
    onMessage: (take) => worker.on('message', take),
    onExit(take) {
      worker.once('exit', (code, signal) => take(signal ? null : code, (signal || null) as NodeJS.Signals | null));
      // A process that could not be started has no pid, and no `exit` follows. Any other error is of the channel of a process that ends.
      worker.on('error', () => worker.process.pid === undefined && take(null, null));
    },
  };
}

export const startApiProcesses =
  (count: number): Role =>
  async ({ config, fromFile, log, onRestart }) => {
    requireFaktory(config, 'API');
    const supervisor = createSupervisor({ count, fork: () => forkApi(fromFile), clock: systemClock, log });
    onRestart(() => void supervisor.restart());
    // The API processes have log levels of their own.
    process.on('SIGUSR2', () => supervisor.signalAll('SIGUSR2'));
    // The API processes end, too, when this process ends in a hurry.
    process.on('exit', () => supervisor.signalAll('SIGKILL'));
    await supervisor.start().catch((error: unknown) => {
      throw new RoleError((error as Error).message);
    });
    log.info({ processes: count }, 'the API processes are ready');
    return {
      async stop({ skipDrainDelay }) {
        const failed = await supervisor.stop(skipDrainDelay ? 'SIGINT' : 'SIGTERM');
        if (failed > 0) throw new Error(`${failed} of the API processes did not stop in order`);
      },
    };
  };
