// Keeps one handler process alive: starts it again when it has ended, after a pause that grows with each end in a row. Logs
// what the process writes.
import { backoffMs } from '../domain/backoff.ts';
import type { Clock, Timer } from '../domain/clock.ts';
import type { HandlerProcess, HandlerProcessOptions } from './handler-process.ts';
import type { LineBudget } from './line-budget.ts';
import type { FromHandler } from './messages.ts';

export interface KeptProcessOptions {
  start: (events: Pick<HandlerProcessOptions, 'onMessage' | 'onOutput' | 'onGone'>) => HandlerProcess;
  clock: Clock;
  budget: LineBudget;
  onReady: () => void;
  onMessage: (message: Exclude<FromHandler, { type: 'ready' }>) => void;
  /**
   * Called when the process has ended by itself, and its jobs with it.
   *
   * @param lastWords the last line that it wrote, which often says why
   */
  onGone: (reason: string, lastWords: string | undefined) => void;
}

export interface KeptProcess {
  /** True while the process takes jobs. */
  readonly isReady: boolean;
  /** How often the process has ended by itself. */
  readonly ended: number;
  /** How often the process was killed because it hung. */
  readonly replaced: number;
  start(): void;
  send(line: string): void;
  /** Kills the process and starts another. The caller decides about the jobs that it ran. */
  replace(): void;
  close(): Promise<void>;
}

export interface HandlerCounts {
  /** How many processes take jobs, and how many are being started. */
  ready: number;
  starting: number;
  /** Since the start: how many processes ended by themselves, and how many were killed because they hung. */
  ended: number;
  replaced: number;
}

export function countProcesses(kept: readonly KeptProcess[]): HandlerCounts {
  const counts = { ready: 0, starting: 0, ended: 0, replaced: 0 };
  for (const { isReady, ended, replaced } of kept) {
    counts[isReady ? 'ready' : 'starting']++;
    counts.ended += ended;
    counts.replaced += replaced;
  }
  return counts;
}

/** The longest pause costs little when each start fails, and a worker still recovers soon after its file was corrected. */
const pause = { minMs: 100, maxMs: 10_000 };
const lastWordsCharsMax = 300;
/** A process that has lived this long has not failed at its start. */
const livedMs = 10_000;

export function createKeptProcess(options: KeptProcessOptions): KeptProcess {
  const { start, clock, budget, onReady, onMessage } = options;
  let current: HandlerProcess | undefined;
  let isReady = false;
  let isClosed = false;
  let startedMs = 0;
  let failures = 0;
  let ended = 0;
  let replaced = 0;
  let timer: Timer | undefined;

  function open(): void {
    let lastWords: string | undefined;
    function onGone(reason: string): void {
      ended++;
      again();
      options.onGone(reason, lastWords);
    }
    function onOutput(output: string): void {
      lastWords = output.trim().slice(0, lastWordsCharsMax) || lastWords;
      budget.write('info', 'a handler process wrote', { output });
    }
    startedMs = clock.now();
    try {
      current = start({ onMessage: take, onOutput, onGone });
    } catch (error) {
      // For example, the machine has no memory for a further process.
      onGone(`not started: ${(error as Error).message}`);
    }
  }

  function take(message: FromHandler): void {
    if (message.type !== 'ready') return onMessage(message);
    isReady = true;
    onReady();
  }

  function again(): void {
    isReady = false;
    current = undefined;
    if (isClosed) return;
    failures = clock.now() - startedMs < livedMs ? failures + 1 : 1;
    timer = clock.after(backoffMs(failures, pause), open);
  }

  return {
    get isReady() {
      return isReady;
    },
    get ended() {
      return ended;
    },
    get replaced() {
      return replaced;
    },
    start: open,
    send: (line) => current?.send(line),
    replace() {
      replaced++;
      current?.kill();
      again();
    },
    async close() {
      isClosed = true;
      isReady = false;
      timer?.cancel();
      await current?.close();
    },
  };
}
