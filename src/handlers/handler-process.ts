// One handler process, as the worker sees it: its messages, its output, and its end.
import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../domain/clock.ts';
import { createLineReader } from './line-reader.ts';
import { createLineWriter } from './line-writer.ts';
import { formatMessage, lineBytesMax, readFromHandler, type FromHandler, type HandlerSettings } from './messages.ts';

/** The socket of messages. Node's own channel has no limit, and a wrong byte on it throws in the worker. */
export const messagesFd = 3;

export interface HandlerProcessOptions {
  settings: HandlerSettings;
  clock: Clock;
  onMessage: (message: FromHandler) => void;
  /** Called with a line of its standard output or error, cut when it is too long. */
  onOutput: (line: string) => void;
  /** Called when the process has ended, or was killed because its line was no message. Called once, and not after `kill`. */
  onGone: (reason: string) => void;
}

export interface HandlerProcess {
  send(line: string): void;
  /** Ends the process at once. Nothing that it sends is read any more. */
  kill(): void;
  /** Lets the process end by itself for a moment. Resolves when it has ended. */
  close(): Promise<void>;
}

const outputLineBytesMax = 8192;
/** The time to read what the process wrote before it ended. A process that it has started may keep its socket open. */
const lastWordsMs = 500;
const closeMsMax = 500;

export function startHandlerProcess(options: HandlerProcessOptions): HandlerProcess {
  const { settings, clock, onMessage, onOutput } = options;
  const child = spawn(process.execPath, command(), { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  // A process that could not be started has no socket.
  const socket = ((child.stdio as ChildProcess['stdio'] | undefined)?.[messagesFd] ?? new Socket()) as Socket;
  let isOver = false;
  let hasExited = false;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(code === null ? `was killed by ${signal ?? ''}` : `ended with exit code ${code}`),
    );
    child.once('error', (error) => resolve(`cannot be started: ${error.message}`));
  }).finally(() => (hasExited = true));

  function gone(reason: string): void {
    if (isOver) return;
    isOver = true;
    child.kill('SIGKILL');
    socket.destroy();
    options.onGone(reason);
  }

  const messages = createLineReader({
    bytesMax: lineBytesMax(settings.resultBytesMax),
    onLine(line, isCut) {
      if (isOver) return;
      const message = isCut ? undefined : readFromHandler(line);
      if (message) onMessage(message);
      else gone(`sent what is no message: ${line.slice(0, 100)}`);
    },
  });
  readAll(child.stdout, onOutput);
  readAll(child.stderr, onOutput);
  socket.on('data', messages.read).on('error', () => undefined);
  const write = createLineWriter(socket);
  write(formatMessage({ type: 'begin', ...settings }));

  void exited.then((reason) => {
    const over = (): void => gone(reason);
    clock.after(lastWordsMs, over);
    if (socket.destroyed || socket.readableEnded) over();
    else socket.once('close', over);
  });

  return {
    send: (line) => {
      if (!isOver) write(line);
    },
    kill() {
      isOver = true;
      child.kill('SIGKILL');
      socket.destroy();
    },
    async close() {
      isOver = true;
      socket.destroy();
      clock.after(closeMsMax, () => {
        if (!hasExited) child.kill('SIGKILL');
      });
      await exited;
    },
  };
}

function command(): string[] {
  const extension = extname(import.meta.url);
  const entry = fileURLToPath(new URL(`./handler-main${extension}`, import.meta.url));
  // From the sources, the loader of TypeScript is not always in the command line of this process.
  const loader = extension === '.ts' ? ['--import', import.meta.resolve('tsx')] : [];
  return [...loader, entry];
}

function readAll(stream: Readable | null, onLine: (line: string) => void): void {
  const { read, end } = createLineReader({ bytesMax: outputLineBytesMax, onLine });
  stream?.on('data', read).on('end', end);
}
