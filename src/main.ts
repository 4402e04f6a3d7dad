#!/usr/bin/env node
// The entry: `work-factory [api|worker|broker]` starts a role, anything else is a command of the command line. It listens for
// signals before it loads the rest, because loading takes a while.
import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { readCommandLine } from './process/command-line.ts';
import { closeGoneTerminals } from './process/descriptors.ts';
import { listenForDebug } from './process/debug-switch.ts';
import { isUnderNohup } from './process/nohup.ts';
import { listenForStop } from './process/stop.ts';

// When a hundred objects of one literal have survived a collection, V8 makes further ones in the old generation. Jobs that wait
// for the broker look like that, and each would keep all that it refers to alive until the next full collection
// (docs/decisions/0013-v8-memory.md).
setFlagsFromString('--no-allocation-site-pretenuring');

// Only the user that runs the program may read the files of the data folder. LevelDB makes files as the umask says.
process.umask(0o077);

/** Kept, because `process.exit` throws while a file of JOBS_DIR is loaded (src/jobs/load-jobs.ts). */
const exit = process.exit.bind(process);

/** Fires at the first signal. The second signal ends the program at once, with the exit code that shells use for it. */
function interruptSignal(ignored: readonly NodeJS.Signals[]): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, (_name: NodeJS.Signals, number: number) => {
      if (ignored.includes(name)) return;
      if (controller.signal.aborted) exit(128 + number);
      controller.abort(name);
    });
  }
  return controller.signal;
}

/** Resolves with the exit code. */
async function main(): Promise<number> {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const args = process.argv.slice(2);
  const call = readCommandLine(args);
  // A supervisor stops and restarts its API processes itself.
  const ignored: NodeJS.Signals[] = cluster.isWorker || isUnderNohup(process.env) ? ['SIGHUP'] : [];
  switch (call.kind) {
    case 'command': {
      const { runCli } = await import('./cli/run.ts');
      const { env, stdin, stdout, stderr } = process;
      return runCli({ args, env, stdin, stdout, stderr, version, signal: interruptSignal(ignored) });
    }
    case 'health-check': {
      const { isHealthy } = await import('./process/health-check.ts');
      return (await isHealthy(process.env)) ? 0 : 1;
    }
    case 'start': {
      const debugSwitch = listenForDebug({ events: process });
      const stop = listenForStop({ events: process, now: () => performance.now(), ignored });
      const { runProgram } = await import('./process/program.ts');
      return runProgram({ role: call.role, env: process.env, version, stop, debugSwitch, printError: console.error });
    }
  }
}

const code = await main().catch((error: unknown) => {
  console.error(error);
  return 1;
});
closeGoneTerminals();
exit(code);
