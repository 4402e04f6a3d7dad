// Worker processes on hosts of their own, as far as a name makes a host: each tells the broker another one.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { spawnChild } from '../helpers/children.ts';
import { nodeArgs, programOf } from '../helpers/paths.ts';

/** A host name of one's own needs a namespace, and that needs root: else both are on this one. */
const canNameHosts = spawnSync('unshare', ['--uts', 'hostname', 'host-one']).status === 0;
export const hostNames: readonly [string, string] = canNameHosts ? ['host-one', 'host-two'] : [hostname(), hostname()];

export interface HostWorker {
  name: string;
  pid: number;
  /** Resolves when it fetches. */
  runs: Promise<unknown>;
  /** Resolves with the exit code, when all of its log was read. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Jobs in its log so far. */
  jobs(): number;
}

const main = programOf('src/main.ts');

/** Starts a worker in a UTS namespace: to itself and to the broker it is on a host of that name. */
export function startOnHost(t: TestContext, name: string, env: Record<string, string>): HostWorker {
  const program = [process.execPath, ...nodeArgs, main, 'worker'];
  const named = ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', name, ...program];
  const [command, ...args] = canNameHosts ? named : program;
  const child = spawnChild(command as string, args, {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close').then(([code]) => code as number | null);
  const jids = new Set<string>();
  const runs = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const { msg, jid } = JSON.parse(text) as { msg: string; jid?: string };
      if (msg === 'the worker runs') resolve();
      if (msg === 'job succeeded' && jid !== undefined) jids.add(jid);
    });
  });
  t.after(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  return {
    name,
    pid: child.pid as number,
    runs,
    jobs: () => jids.size,
    end(signal) {
      child.kill(signal);
      return closed;
    },
  };
}
