#!/usr/bin/env node
// The entry: `work-factory [api|worker|broker]`. It listens for signals before it loads the rest, which takes a while.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { helpText, readCommandLine } from './process/command-line.ts';
import { closeGoneTerminals } from './process/descriptors.ts';
import { isUnderNohup } from './process/nohup.ts';
import { listenForStop } from './process/stop.ts';

// V8 allocates what a literal makes in the old generation once it saw a hundred of them survive a collection, and jobs under
// way may look like that: each then keeps all that it refers to alive until the next full collection
// (docs/decisions/0013-v8-memory.md).
setFlagsFromString('--no-allocation-site-pretenuring');

// The files of the data folder are for the user that runs the program; LevelDB makes them as the umask says.
process.umask(0o077);

/** Resolves with the exit code. */
async function main(): Promise<number> {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const command = readCommandLine(process.argv.slice(2));
  switch (command.kind) {
    case 'help':
      console.log(helpText(version).trimEnd());
      return 0;
    case 'version':
      console.log(version);
      return 0;
    case 'wrong':
      console.error(command.message);
      return 2;
    case 'health-check': {
      const { isHealthy } = await import('./process/health-check.ts');
      return (await isHealthy(process.env)) ? 0 : 1;
    }
    case 'check jobs': {
      const { checkJobs } = await import('./process/check-jobs.ts');
      return checkJobs({ env: process.env, print: console.log, printError: console.error });
    }
    case 'start': {
      const stop = listenForStop({
        events: process,
        now: () => performance.now(),
        ignored: isUnderNohup(process.env) ? ['SIGHUP'] : [],
      });
      const { runProgram } = await import('./process/program.ts');
      return runProgram({ role: command.role, env: process.env, version, stop, printError: console.error });
    }
  }
}

const code = await main().catch((error: unknown) => {
  console.error(error);
  return 1;
});
closeGoneTerminals();
process.exit(code);
