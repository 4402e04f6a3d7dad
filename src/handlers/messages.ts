// The messages between the worker and its handler processes: one line of JSON each, over a socket of their own. A handler
// process runs the code of jobs, which could write anything to the socket: each of its lines has a limit and is checked.
import { z } from 'zod';
import type { BuiltInSettings } from '../jobs/built-in.ts';

/** Why `signal` fires. */
export type AbortReason = 'timeout' | 'stop';

/** From the worker to the process. */
export type ToHandler =
  /** The first message. It has secrets, and every user of the machine may read the arguments of a process. */
  | ({ type: 'begin' } & HandlerSettings)
  | { type: 'run'; id: number; name: string; attempt: number; job: RawJob }
  | { type: 'abort'; id: number; reason: AbortReason };

export interface HandlerSettings {
  jobsDir: string;
  builtIn: BuiltInSettings;
  /** The most bytes of compressed arguments after decompression. */
  argsBytesMax: number;
  resultBytesMax: number;
}

/** The job as it was fetched. Only its jid was checked. */
export interface RawJob {
  jid: string;
  args?: unknown;
  custom?: Readonly<Record<string, unknown>> | null;
}

const id = z.int();
const levels = ['debug', 'info', 'warn', 'error'] as const;

const fromHandler = z.discriminatedUnion('type', [
  z.object({ type: z.literal('succeeded'), id, result: z.unknown() }),
  /** The job would fail in the same way every time. */
  z.object({ type: z.literal('failed'), id, errtype: z.string(), message: z.string() }),
  z.object({
    type: z.literal('threw'),
    id,
    errtype: z.string(),
    message: z.string(),
    backtrace: z.array(z.string()),
  }),
  z.object({ type: z.literal('progress'), id, percent: z.number(), note: z.string().optional() }),
  z.object({
    type: z.literal('log'),
    id,
    level: z.enum(levels),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()).optional(),
  }),
  /** The reply to `abort`. A process whose event loop is blocked sends none. */
  z.object({ type: z.literal('aborted'), id }),
  z.object({ type: z.literal('ready') }),
]);

/** From the process to the worker. */
export type FromHandler = z.output<typeof fromHandler>;
export type HandlerEnd = Extract<FromHandler, { type: 'succeeded' | 'failed' | 'threw' }>;
export type LogLevel = (typeof levels)[number];

/** Bytes of a line besides the result: a backtrace of 50 lines, or the fields of a log line. */
const lineOverhead = 256 * 1024;
export const lineBytesMax = (resultBytesMax: number): number => resultBytesMax + lineOverhead;

/** Undefined when the line is no message. */
export function readFromHandler(line: string): FromHandler | undefined {
  try {
    return fromHandler.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** @param text the job's JSON as it was fetched, which is not encoded a second time */
export function formatRun(run: Omit<Extract<ToHandler, { type: 'run' }>, 'type' | 'job'>, text: string): string {
  const { id: number, name, attempt } = run;
  const head = `{"type":"run","id":${number},"name":${JSON.stringify(name)},"attempt":${attempt},"job":`;
  return `${head}${text.includes('\n') ? JSON.stringify(JSON.parse(text)) : text}}\n`;
}

/** @param text the result's JSON */
export const formatSucceeded = (number: number, text: string): string =>
  `{"type":"succeeded","id":${number},"result":${text}}\n`;

export const formatMessage = (message: ToHandler | FromHandler): string => `${JSON.stringify(message)}\n`;
