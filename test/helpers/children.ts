// Processes that tests start. None outlives the process that started it, however that ends: the runner ends a file that
// takes too long by SIGTERM, and then no hook of the test runs.
import { execFile, fork, spawn } from 'node:child_process';
import type { ChildProcess, ExecFileOptions, ForkOptions, SpawnOptions } from 'node:child_process';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';

/** Reads "+ 123" and "- 123"; at the end of its input, which is our end, it kills those that were not taken away. */
const script = `
trap '' HUP INT TERM
pids=' '
while read -r change pid; do
  case $change in
    +) pids="$pids$pid " ;;
    -) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -s KILL -- "$pid"; done`;

let warden: Writable | undefined;

function startWarden(): Writable {
  const process_ = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'] });
  process_.unref();
  // It is a socket, which keeps the process alive unless told not to.
  (process_.stdin as Writable & { unref(): void }).unref();
  return process_.stdin;
}

function watch<Child extends ChildProcess>(child: Child, isGroup: boolean): Child {
  if (child.pid === undefined) return child; // it could not be started
  const id = isGroup ? -child.pid : child.pid;
  const input = (warden ??= startWarden());
  input.write(`+ ${id}\n`);
  // Others of a group may live on.
  if (!isGroup) child.once('exit', () => input.write(`- ${id}\n`));
  return child;
}

/** As spawn() of Node; with `detached` the whole process group ends with this process. */
export const spawnChild = ((command: string, args: readonly string[], options: SpawnOptions) =>
  watch(spawn(command, args, options), options.detached === true)) as typeof spawn;

/** As fork() of Node. */
export const forkChild = (file: string, args: readonly string[], options: ForkOptions): ChildProcess =>
  watch(fork(file, args, options), false);

/** Resolves with what it printed; rejects when it ends with another exit code than 0. */
export function execChild(
  file: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  const running = promisify(execFile)(file, args, { ...options, encoding: 'utf8' });
  watch(running.child, false);
  return running;
}
