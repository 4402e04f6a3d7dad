// Handler processes that a test plays: it reads what they are sent and says what they answer.
import type { Clock } from '../../src/domain/clock.ts';
import { createFakeClock, type FakeClock } from '../helpers/fake-clock.ts';
import { createHandlers, type Handlers } from '../../src/handlers/handlers.ts';
import type { HandlerJob } from '../../src/handlers/run.ts';
import type { HandlerProcessOptions } from '../../src/handlers/handler-process.ts';
import type { FromHandler, ToHandler as AnyToHandler } from '../../src/handlers/messages.ts';

/** The first message is written by the process itself. */
export type ToHandler = Exclude<AnyToHandler, { type: 'begin' }>;

export interface ScriptedProcess {
  readonly sent: ToHandler[];
  isKilled: boolean;
  say(message: FromHandler): void;
  print(line: string): void;
  /** It ends by itself. */
  end(reason: string): void;
}

export interface Scene {
  clock: FakeClock;
  handlers: Handlers;
  /** Every one that was started. */
  processes: ScriptedProcess[];
  lines: { level: string; message: string; fields: Record<string, unknown> }[];
  /** Starts a job; `ends` fills when it ends. */
  run(options?: Partial<HandlerJob>): TestRun;
}

export interface TestRun {
  id: number;
  ends: Parameters<HandlerJob['onEnd']>[0][];
  progress: [percent: number, note: string | undefined][];
}

/** They are started; none is ready yet. */
export function startScene({ processes = 1, onChange = (): void => undefined } = {}): Scene {
  const clock = createFakeClock();
  const scene = createScene(clock, onChange, processes);
  scene.handlers.start();
  return { ...scene, clock };
}

/** For a worker, which starts them. */
export function createScene(clock: Clock, onChange: () => void, count = 1): Omit<Scene, 'clock'> {
  const processes: ScriptedProcess[] = [];
  const lines: Scene['lines'] = [];
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: fields as Record<string, unknown> });

  function startProcess(events: Pick<HandlerProcessOptions, 'onMessage' | 'onOutput' | 'onGone'>) {
    const scripted: ScriptedProcess = {
      sent: [],
      isKilled: false,
      say: events.onMessage,
      print: events.onOutput,
      end: events.onGone,
    };
    processes.push(scripted);
    const kill = (): void => void (scripted.isKilled = true);
    return {
      send: (line: string) => void scripted.sent.push(JSON.parse(line) as ToHandler),
      kill,
      close: async () => kill(),
    };
  }

  const handlers = createHandlers({
    processes: count,
    startProcess,
    clock,
    onChange,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
  });
  let lastId = 0;
  return {
    handlers,
    processes,
    lines,
    run(options = {}) {
      const run: TestRun = { id: ++lastId, ends: [], progress: [] };
      const jid = `job-${lastId}`;
      handlers.run({
        ...{
          jid,
          name: 'resize',
          text: JSON.stringify({ jid, args: [] }),
          attempt: 1,
          timeoutMs: 50_000,
          reservedMs: 50_000,
        },
        onEnd: (end) => void run.ends.push(end),
        onProgress: (percent, note) => void run.progress.push([percent, note]),
        ...options,
      });
      return run;
    },
  };
}
