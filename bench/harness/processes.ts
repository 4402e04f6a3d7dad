// Starts servers as processes of their own, waits until they listen, and ends them with the bench: after the scenario, on
// an error, and on SIGINT, SIGTERM and SIGHUP. Each is the leader of a process group, so that what it starts ends with it.
// CPU time and memory are read from /proc (Linux).
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessOptions {
  command: string;
  args: readonly string[];
  /** The whole environment, but for PATH and HOME. */
  env?: Record<string, string>;
  cwd?: string;
  /** The process counts as started when this port of 127.0.0.1 takes connections. */
  port?: number;
}

export interface RunningProcess {
  readonly pid: number;
  /** User and system time of all its threads so far. Ticks of 10 ms. */
  cpuMs(): number;
  rssBytes(): number;
  /** How it ended and what it said last; undefined while it runs. */
  failure(): string | undefined;
  /** SIGTERM, and SIGKILL for the whole group when it is still there after a while. */
  stop(graceMs?: number): Promise<void>;
}

const startTimeoutMs = 15_000;
const tailChars = 4000;
const groups = new Set<number>();

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // gone already
  }
}

process.on('exit', () => groups.forEach((pid) => killGroup(pid, 'SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));

/** Marks a child as one that must not outlive the bench. It must have been started with `detached`. */
export function endWithBench(child: ChildProcess): number {
  const pid = child.pid;
  if (pid === undefined) throw new Error('the process could not be started');
  groups.add(pid);
  child.once('exit', () => {
    killGroup(pid, 'SIGKILL');
    groups.delete(pid);
  });
  return pid;
}

export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (tail = (tail + text).slice(-tailChars)));
  }
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended ??= `ended with ${code ?? signal}`));
  await once(child, 'spawn');
  const pid = endWithBench(child);
  const failure = (): string | undefined =>
    ended && `${[options.command, ...options.args].join(' ')} ${ended}\n${tail}`;
  if (options.port !== undefined) await untilListening(options.port, failure);
  return {
    pid,
    cpuMs: () => cpuMs(pid),
    rssBytes: () => rssBytes(pid),
    failure,
    async stop(graceMs = 3000) {
      if (ended !== undefined) return;
      const exited = once(child, 'exit');
      killGroup(pid, 'SIGTERM');
      const timer = setTimeout(() => killGroup(pid, 'SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

async function untilListening(port: number, failure: () => string | undefined): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (!(await isListening(port))) {
    const reason = failure();
    if (reason !== undefined) throw new Error(reason);
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after ${startTimeoutMs} ms`);
    await sleep(10);
  }
}

export async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  return isOpen;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** proc(5): fields 14 and 15 of stat, in ticks; USER_HZ is 100 on every Linux architecture in use. */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function rssBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1]) * 1024;
}
