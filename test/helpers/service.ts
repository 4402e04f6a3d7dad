// The whole program as a process of its own, as an operator starts it: environment in, log lines and exit code out.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnChild } from './children.ts';
import { nodeArgs, programOf } from './paths.ts';
import { until } from './until.ts';

type LogLine = Record<string, unknown> & { msg?: string };

export interface Service {
  process: ChildProcess;
  dataDir: string;
  /** Log lines so far, and whatever else was printed as `{ msg }`. */
  lines: LogLine[];
  /** The first line, past or to come, that matches. Rejects when the process ends without one. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine>;
  /** Base URL of the API; waits until it listens. */
  url(): Promise<string>;
  /** The same, once /ready says yes: on a slow machine the first jobs could be refused before its connections are open. */
  readyUrl(): Promise<string>;
  /** The exit code, once the process has ended by itself. */
  exited: Promise<number | null>;
  /** Sends the signal, and resolves with the exit code (null: killed by the signal). */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

const main = programOf('src/main.ts');

/** node:readline would also cut at U+2028, which JSON may hold as it is. */
function readLines(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(take);
  });
  stream.on('end', () => void (rest !== '' && take(rest)));
}

/**
 * Starts `main.ts [role]` with this environment and no other variable of ours; it dies with the test.
 * @param hasTerminal false: whatever starts the test, no terminal controls the process
 * @param cwd where it looks for .env
 */
export function startService(
  t: Pick<TestContext, 'after'>,
  env: Record<string, string> = {},
  role?: string,
  hasTerminal = true,
  cwd?: string,
): Service {
  const folder = env['DATA_DIR'] ?? mkdtempSync(join(tmpdir(), 'work-factory-'));
  const child = spawnChild(process.execPath, [...nodeArgs, main, ...(role === undefined ? [] : [role])], {
    env: { PATH: process.env['PATH'] ?? '', BIND_ADDR: '127.0.0.1:0', DATA_DIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: !hasTerminal,
    ...(cwd !== undefined && { cwd }),
  });
  const lines: LogLine[] = [];
  const waiting: (() => void)[] = [];
  const wake = (): void => waiting.splice(0).forEach((resume) => resume());
  const take = (text: string): void => {
    lines.push(text.startsWith('{') ? (JSON.parse(text) as LogLine) : { msg: text });
    wake();
  };
  readLines(child.stdout, take);
  readLines(child.stderr, take);
  let isClosed = false;
  const closed = once(child, 'close').then(([code]) => {
    isClosed = true;
    wake();
    return code as number | null;
  });
  t.after(async () => {
    child.kill('SIGKILL');
    await closed;
    if (env['DATA_DIR'] === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  async function line(matches: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const found = lines.find(matches);
      if (found) return found;
      // Not at its exit: lines may still have to be read then.
      if (isClosed) throw new Error(`ended without the line; printed: ${JSON.stringify(lines)}`);
      await new Promise<void>((resolve) => void waiting.push(resolve));
    }
  }

  const url = async (): Promise<string> => (await line(({ msg }) => msg === 'the API listens'))['url'] as string;

  async function readyUrl(): Promise<string> {
    const base = await url();
    await until('a service that is ready', async () => (await get(`${base}/ready`)).status === 200);
    return base;
  }

  return {
    process: child,
    dataDir: folder,
    lines,
    line,
    exited: closed,
    url,
    readyUrl,
    end(signal = 'SIGTERM') {
      child.kill(signal);
      return closed;
    },
  };
}

interface JsonResponse {
  status: number;
  body: Record<string, unknown>;
}

/** A process that a busy machine holds up for seconds says that its event loop lags, as it must, and has done nothing: again. */
async function ask(url: string, init?: RequestInit): Promise<JsonResponse> {
  for (;;) {
    const response = await fetch(url, init);
    const body = (await response.json()) as Record<string, unknown>;
    if (body['detail'] !== 'The event loop lags') return { status: response.status, body };
    await delay(250);
  }
}

/** Posts JSON; resolves with the status and the parsed response. */
export const post = (url: string, body: unknown): Promise<JsonResponse> =>
  ask(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

export const get = (url: string): Promise<JsonResponse> => ask(url);
