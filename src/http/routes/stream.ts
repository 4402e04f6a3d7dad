// POST /jobs/stream: NDJSON in, NDJSON out, written while it is read (docs/streams.md).
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify';
import { z } from 'zod';
import type { KeyStore } from '../../domain/keys.ts';
import { describeEntry } from '../entries/entry-document.ts';
import {
  streamBytesMax,
  streamHeldBytes,
  streamLinesMax,
  streamPendingShare,
  streamSliceLinesMax,
  streamsMax,
} from '../limits.ts';
import { keyHeader } from '../once/idempotency-key.ts';
import { createOnce } from '../once/once.ts';
import type { BodyBudget } from '../plugins/body-budget.ts';
import { isUtf8 } from '../plugins/json-parser.ts';
import { AppError } from '../problems/errors.ts';
import { invalid } from '../problems/violations.ts';
import type { Connections } from '../server/connections.ts';
import { createPatientProducer } from '../stream/patient-producer.ts';
import { reportModes, type ReportMode } from '../stream/reports.ts';
import { ndjson, serveStream, type StreamAsked } from '../stream/serve-stream.ts';
import { createSlicePusher } from '../stream/slice.ts';
import type { Stream } from '../stream/stream.ts';
import { createStreamWindow } from '../stream/window.ts';
import type { JobStateOptions } from './job-state.ts';
import type { JobRoutesOptions } from './jobs.ts';
import { commonProblems, problemResponses, streamLine } from './schemas.ts';

export interface StreamRouteOptions extends Omit<JobRoutesOptions, 'once'>, Pick<JobStateOptions, 'results'> {
  keys: KeyStore | undefined;
  connections: Connections;
  budget: BodyBudget;
  draining: AbortSignal;
  /** The limits of all jobs that wait and are in flight (`src/enqueue/admission.ts`). Streams may use a share. */
  pendingJobsMax?: number | undefined;
  pendingBytesMax?: number | undefined;
  /** Set by tests. */
  streamIdleMs?: number | undefined;
}

export const streamPath = '/jobs/stream';
/** The largest value of `from`, which has at most 15 digits. */
const lineMax = 999_999_999_999_999;

const problems = [
  ...commonProblems,
  'validation_failed',
  'unsupported_media_type',
  'overloaded',
  'shutting_down',
] as const;

const atMost = (limit: number, ofPending = Infinity): number => Math.min(limit, ofPending * streamPendingShare);

/** Registered on an instance of its own, because it has another parser than all other routes. */
export function registerStreamRoute(app: FastifyInstance, options: StreamRouteOptions): void {
  const { clock, metrics, draining, connections, budget, protect, pendingJobsMax, pendingBytesMax } = options;
  const producer = createPatientProducer({ next: options.producer, clock, draining });
  const pushSlice = createSlicePusher({ ...options, producer, once: createOnce({ ...options, producer }) });
  const window = createStreamWindow({
    sliceLinesMax: streamSliceLinesMax,
    linesMax: atMost(streamLinesMax, pendingJobsMax),
    bytesMax: atMost(streamBytesMax, pendingBytesMax),
  });
  const streams = new Set<Stream>();
  const drain = (): void => {
    for (const stream of streams) stream.end({ code: 'shutting_down', detail: 'The service is shutting down' });
  };
  draining.addEventListener('abort', drain, { once: true });
  takeNdjsonOnly(app);
  const schema = {
    summary: 'Enqueue any number of jobs, one on each line; each is reported on a line, while others are read',
    consumes: [ndjson],
    body: describeEntry(options),
    querystring: z.object({
      report: z
        .enum(reportModes)
        .optional()
        .meta({ description: 'Lines that are reported: all, those not enqueued, none' }),
      from: z.int().min(1).max(lineMax).optional().meta({ description: 'Lines before this one are left out' }),
    }),
    response: { 200: streamLine, ...problemResponses(problems) },
  };
  const onRequest: onRequestHookHandler[] = [...protect, budget.reserve(streamHeldBytes)];
  const observe = metrics.httpRequests('POST', streamPath);
  app.post(streamPath, { schema, onRequest }, (request, reply) => {
    const asked = readRequest(request);
    if (draining.aborted) throw new AppError('shutting_down', 'The service is shutting down');
    if (streams.size >= streamsMax) throw new AppError('overloaded', `${streamsMax} streams are open`);
    const served = { clock, window, pushSlice, connections, draining, idleMs: options.streamIdleMs };
    const stream = serveStream(request, reply, asked, served);
    streams.add(stream);
    void stream.ended.then(() => {
      streams.delete(stream);
      observe(200, (clock.now() - request.startedMs) / 1000);
    });
  });
}

const sendNdjson = `Send ${ndjson} in UTF-8; curl: -H 'content-type: ${ndjson}'`;

function takeNdjsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(ndjson, (request, payload, done) => {
    if (isUtf8(request.headers['content-type'] as string)) return done(null, payload);
    done(new AppError('unsupported_media_type', sendNdjson));
  });
  app.addContentTypeParser('*', (_request, _payload, done) => done(new AppError('unsupported_media_type', sendNdjson)));
}

function readRequest({ body, query, headers }: FastifyRequest): StreamAsked {
  // Without a content type and a body no parser was called.
  if (body === undefined) throw new AppError('unsupported_media_type', sendNdjson);
  if (headers['content-encoding'] !== undefined)
    throw new AppError('unsupported_media_type', 'The lines of a stream are sent without Content-Encoding');
  if (headers[keyHeader] !== undefined)
    throw invalid([{ path: [], message: 'Idempotency-Key is not for streams: entries have a field key' }]);
  const { report = 'all', from = '1' } = query as { report?: unknown; from?: unknown };
  if (!reportModes.some((mode) => mode === report))
    throw invalid([{ path: ['report'], message: `must be one of ${reportModes.join(', ')}` }]);
  if (typeof from !== 'string' || !/^[1-9]\d{0,14}$/.test(from))
    throw invalid([{ path: ['from'], message: 'must be the number of a line: 1 is the first' }]);
  return { body: body as Readable, report: report as ReportMode, from: Number(from) };
}
