// One stream: lines are read, pushed and reported at the same time. It ends with the body, or earlier with a reason that is in
// its summary.
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import type { ErrorCode } from '../problems/errors.ts';
import { lingerMs, streamBytesMax, streamLineBytesMax, streamLinesMax } from '../limits.ts';
import { createReports, writeLine, type ReportMode, type Reports } from './reports.ts';
import { createSliceReader, type LineSlice, type SliceReader } from './slice-reader.ts';
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
  /** A response whose head has been written. */
  readonly response: ServerResponse;
  readonly body: Readable;
  readonly report: ReportMode;
  /** The first line that is pushed; the first line of the body is 1. */
  readonly from: number;
}

export interface StreamOptions {
  readonly clock: Clock;
  readonly window: StreamWindow;
  readonly pushSlice: SlicePusher;
}

export interface Stream {
  /** True while lines were pushed whose reports are not written yet. */
  readonly isOwed: boolean;
  /** Ends the reading. Lines that were pushed are reported, then the summary follows. The first reason counts. */
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
  const reader = createSliceReader(body, from);
  const reports = createReports(response, report, { linesMax: streamLinesMax, bytesMax: streamBytesMax });
  const pushReported = createReportedPush(request, reader, reports, { clock, window, pushSlice });
  let why: StreamEnd | undefined;
  /** The first line that was not read. */
  let nextLine = from;

  function stop(): void {
    reader.stop();
    reports.wake();
  }

  function end(reason: StreamEnd): void {
    why ??= reason;
    stop();
  }

  async function pushAll(): Promise<void> {
    for await (const slice of reader.slices()) {
      if (!(await pushReported(slice))) return;
      nextLine = slice.first + slice.texts.length;
      // Lets other requests have their turn: a slice takes about a millisecond.
      await new Promise<void>((resolve) => clock.soon(resolve));
    }
    if (reader.state === 'too long') rejectNext();
  }

  function rejectNext(): void {
    const tooLong = lineTooLong(nextLine);
    reports.add(1, 0)([{ line: nextLine, status: 'rejected', ...tooLong }]);
    nextLine += 1;
    end(tooLong);
  }

  function summarize(isComplete: boolean): string {
    const summary = { ...reports.counts, completed: isComplete };
    return writeLine({ summary: isComplete ? summary : { ...summary, ...why, next_line: nextLine } });
  }

  async function run(): Promise<void> {
    await pushAll().catch((error: unknown) => {
      request.log.error({ err: error, request_id: request.id }, 'a stream failed by a bug');
      end(failed);
    });
    const isComplete = reader.state === 'whole';
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

/** False: the stream was stopped before the slice was pushed. */
type ReportedPush = (slice: LineSlice) => Promise<boolean>;

/** Pushes a slice when there is room for it and for its reports, and reports its outcomes. */
function createReportedPush(
  request: FastifyRequest,
  reader: SliceReader,
  reports: Reports,
  { clock, window, pushSlice }: StreamOptions,
): ReportedPush {
  const isReading = (): boolean => reader.state === 'reading';

  async function untilRoom(): Promise<Room | undefined> {
    while (!reports.hasRoom && isReading()) await reports.changed();
    const room = isReading() ? await window.enter() : undefined;
    if (isReading()) return room;
    room?.release(undefined);
    return undefined;
  }

  function push({ first, texts }: LineSlice, room: Room): void {
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
  }

  return async (slice) => {
    const room = await untilRoom();
    if (room === undefined) return false;
    push(slice, room);
    return true;
  };
}

/**
 * Gives a caller that writes while it reads some time to read the summary, which says that no more lines are needed. Some clients
 * (undici, which is Node's fetch) drop unread reports when a response is complete before its request.
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
