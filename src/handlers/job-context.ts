// The second argument of a job's `run`. All that `run` sends through it is limited here, before it goes to the worker.
import type { JobContext, JobLogger } from '../jobs/define-job.ts';
import type { AbortReason, FromHandler, LogLevel, RawJob } from './messages.ts';
import { isObject } from '../domain/json-structure.ts';

export interface ContextOptions {
  id: number;
  job: RawJob;
  attempt: number;
  send: (message: FromHandler) => void;
}

export interface OpenContext {
  context: JobContext;
  abort(reason: AbortReason): void;
  /** The run has ended. Nothing more is sent for it. */
  end(): void;
}

const progressEveryMs = 1000;
const noteCharsMax = 200;
const logMessageCharsMax = 8192;
const logFieldsCharsMax = 8192;

const reasons: Readonly<Record<AbortReason, [name: string, message: string]>> = {
  timeout: ['TimeoutError', "the job's time is up"],
  stop: ['AbortError', 'the worker stops'],
};

export function createContext({ id, job, attempt, send }: ContextOptions): OpenContext {
  const controller = new AbortController();
  const requestId = job.custom?.['request_id'];
  let hasEnded = false;
  let sentMs = -Infinity;
  let latest: FromHandler | undefined;
  let timer: NodeJS.Timeout | undefined;

  function sendProgress(): void {
    timer = undefined;
    if (latest === undefined) return;
    sentMs = performance.now();
    send(latest);
    latest = undefined;
  }

  const log = (level: LogLevel) => (message: unknown, fields?: Record<string, unknown>) => {
    if (hasEnded) return;
    const text = String(message).slice(0, logMessageCharsMax);
    send({ type: 'log', id, level, message: text, fields: fields === undefined ? undefined : cutFields(fields) });
  };
  const logger: JobLogger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };

  return {
    context: {
      jid: job.jid,
      attempt,
      signal: controller.signal,
      log: logger,
      requestId: typeof requestId === 'string' ? requestId : undefined,
      progress(percent, note?: unknown) {
        if (hasEnded) return;
        if (!Number.isFinite(percent)) return logger.warn('progress was given no number', { percent: String(percent) });
        const bounded = Math.min(100, Math.max(0, percent));
        latest = {
          type: 'progress',
          id,
          percent: bounded,
          note: typeof note === 'string' ? note.slice(0, noteCharsMax) : undefined,
        };
        const waitMs = sentMs + progressEveryMs - performance.now();
        if (waitMs <= 0) sendProgress();
        else timer ??= setTimeout(sendProgress, waitMs).unref();
      },
    },
    abort(reason) {
      const [name, message] = reasons[reason];
      controller.abort(new DOMException(message, name));
    },
    end() {
      hasEnded = true;
      clearTimeout(timer);
    },
  };
}

function cutFields(fields: unknown): Record<string, unknown> {
  try {
    // The author of the job may have passed any value.
    const text = JSON.stringify(isObject(fields) ? fields : { value: fields });
    return text.length <= logFieldsCharsMax
      ? (JSON.parse(text) as Record<string, unknown>)
      : { omitted: `${text.length} characters of fields, more than ${logFieldsCharsMax}` };
  } catch (error) {
    return { omitted: `fields that are no JSON: ${String(error)}` };
  }
}
