// One stream: lines are read, pushed and reported at the same time. It ends with the body, or earlier with a reason that is in
// its summary.
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import type { ErrorCode } from '../problems/errors.ts';
import {
  lingerMs,
  streamLineBytesMax,
  streamLinesMax,
  streamBytesMax,
  streamSliceCharsMax,
  streamSliceLinesMax,
} from '../limits.ts';
import { createBodyChunks } from './body-chunks.ts';
import { createLineSplitter, type Lines } from './line-splitter.ts';
import { createReports, writeLine, type ReportMode, type Reports } from './reports.ts';
import type { PushedSlice, SlicePusher } from './slice.ts';
import type { Room, StreamWindow } from './window.ts';

/** Why a stream ends before its body. */
export interface StreamEnd {
  readonly code: ErrorCode;
  /** One sentence. */
  readonly detail: string;
}

export interface StreamRequest {
  readonly request: FastifyRequest;
  /** Its head has been written. */
  readonly response: ServerResponse;
  readonly body: Readable;
  readonly report: ReportMode;
  /** Lines before this one are left out. */
  readonly from: number;
}

export interface StreamOptions {
  readonly clock: Clock;
  readonly window: StreamWindow;
  readonly pushSlice: SlicePusher;
}

export interface Stream {
  /** Lines were pushed, and their reports are not written yet. */
  readonly isOwed: boolean;
  /** Reads no further. Lines that were pushed are reported, then the summary follows. The first reason counts. */
  end(why: StreamEnd): void;
  /** Resolves when the response has been written, or its reader has gone. Never rejects. */
  readonly ended: Promise<void>;
}

const lineTooLong = (line: number): StreamEnd => ({
  code: 'line_too_long',
  detail: `Line ${line} is longer than ${streamLineBytesMax} bytes`,
});
const failed: StreamEnd = { code: 'internal', detail: 'An error on our side; the log has it' };
const brokenBody: StreamEnd = { code: 'bad_request', detail: 'The request ended before its body' };

export function createStream(
  { clock, window, pushSlice }: StreamOptions,
  { request, response, body, report, from }: StreamRequest,
): Stream {
  const chunks = createBodyChunks(body);
  const splitter = createLineSplitter({ from, bytesMax: streamLineBytesMax });
  const reports = createReports(response, report, { linesMax: streamLinesMax, bytesMax: streamBytesMax });
  const pushReported = createReportedPush(request, reports, { clock, pushSlice });
  let why: StreamEnd | undefined;
  let isOver = false;
  /** The first line that was not read. */
  let nextLine = from;

  function stop(): void {
    isOver = true;
    chunks.stop();
    reports.wake();
  }

  function end(reason: StreamEnd): void {
    why ??= reason;
    stop();
  }

  /** False when the stream is over before all of them. */
  async function pushAll({ first, texts }: Lines): Promise<boolean> {
    for (let start = 0; start < texts.length;) {
      const stopAt = endOfSlice(texts, start);
      while (!reports.hasRoom && !isOver) await reports.changed();
      const room = isOver ? undefined : await window.enter();
      if (isOver || room === undefined) {
        room?.release(undefined);
        return false;
      }
      pushReported(first + start, texts.slice(start, stopAt), room);
      nextLine = first + stopAt;
      start = stopAt;
      // Other requests have their turn: a slice takes about a millisecond.
      await new Promise<void>((resolve) => clock.soon(resolve));
    }
    return true;
  }

  /** The next bytes may be a part of the line that is too long: nothing is read after it. */
  function rejectTooLong(): void {
    const line = nextLine;
    const tooLong = lineTooLong(line);
    nextLine += 1;
    reports.add(1, 0)([{ line, status: 'rejected', ...tooLong }]);
    end(tooLong);
  }

  /** True when all of it was read. */
  async function readBody(): Promise<boolean> {
    for (let chunk; (chunk = await chunks.next()) !== undefined;) {
      const lines = splitter.take(chunk);
      if (!(await pushAll(lines))) return false;
      if (lines.isNextTooLong) rejectTooLong();
    }
    if (!chunks.hasEnded || isOver) return false;
    const last = splitter.end();
    if (!(await pushAll(last))) return false;
    if (last.isNextTooLong) rejectTooLong();
    return why === undefined;
  }

  function summarize(isComplete: boolean): string {
    const summary = { ...reports.counts, completed: isComplete };
    return writeLine({ summary: isComplete ? summary : { ...summary, ...why, next_line: nextLine } });
  }

  async function run(): Promise<void> {
    const isComplete = await readBody().catch((error: unknown) => {
      request.log.error({ err: error, request_id: request.id }, 'a stream failed by a bug');
      end(failed);
      return false;
    });
    if (!isComplete) end(brokenBody);
    while (reports.isOwed) await reports.changed();
    if (response.destroyed) return;
    if (isComplete) return void response.end(summarize(isComplete));
    response.write(summarize(isComplete));
    await untilGone(body, clock);
    response.end();
  }

  response.once('close', stop);
  return {
    get isOwed() {
      return reports.isOwed;
    },
    end,
    ended: run(),
  };
}

type ReportedPush = (first: number, texts: readonly string[], room: Room) => void;

/** Pushes a slice, and reports its outcomes. */
function createReportedPush(
  request: FastifyRequest,
  reports: Reports,
  { clock, pushSlice }: Pick<StreamOptions, 'clock' | 'pushSlice'>,
): ReportedPush {
  return (first, texts, room) => {
    const startedMs = clock.now();
    let pushed: PushedSlice;
    try {
      pushed = pushSlice(request, first, texts);
    } catch (error) {
      room.release(undefined);
      throw error;
    }
    const { lines, bytes, results } = pushed;
    room.use(lines, bytes);
    const settle = reports.add(lines, bytes);
    void results.then((settled) => {
      room.release(lines === 0 ? undefined : clock.now() - startedMs);
      settle(settled);
    });
  };
}

/**
 * A caller that writes while it reads learns from the summary that it need not send more, and gets some time to read it. Some
 * clients (undici, which is Node's fetch) drop unread reports when a response is complete before its request.
 */
function untilGone(body: Readable, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    if (body.readableEnded || body.destroyed) return resolve();
    const timer = clock.after(lingerMs, resolve);
    const gone = (): void => {
      timer.cancel();
      resolve();
    };
    body.once('end', gone);
    body.once('close', gone);
    // A caller that writes all its lines before it reads must be able to write them.
    body.resume();
  });
}

/** At least one line. */
function endOfSlice(texts: readonly string[], start: number): number {
  let chars = 0;
  let at = start;
  while (at < texts.length && at - start < streamSliceLinesMax && chars < streamSliceCharsMax) {
    chars += (texts[at] as string).length;
    at += 1;
  }
  return at;
}
