// Sends a request until there is a response, or no other attempt may be made. A request that is certainly not stored is
// always sent again. A request that may be stored is sent again only with an idempotency key, in the same bytes. The number
// of attempts and the time are limited.
import { watchSignals } from './abort.ts';
import { abortedBy, attempt, type ApiResponse } from './attempt.ts';
import { WorkFactoryError, type Failure } from './error.ts';
import type { Fetch, Surroundings } from './surroundings.ts';

export interface SenderOptions {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly fetch: Fetch;
  readonly surroundings: Surroundings;
  readonly attemptTimeoutMs: number;
  /** Ends everything. */
  readonly signal: AbortSignal | undefined;
  /** Whether a service that has never responded is asked again when it cannot be reached. */
  readonly waitsForService: boolean;
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: string;
  /**
   * `made`: the client made the key, and leaves it out where the service keeps no keys. `own`: the caller gave it.
   * `in body`: entries have keys.
   */
  readonly key?: { readonly kind: 'made' | 'own'; readonly value: string } | { readonly kind: 'in body' };
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** How long the service may hold the response. It is added to the time of an attempt. */
  readonly holdMs?: number;
}

export interface Sender {
  /** Rejects with a WorkFactoryError. */
  send(request: Request): Promise<ApiResponse>;
  /** Resolves when the time is over or a signal fires. */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
  /** Resolves with true after the pause. Resolves with false, without a pause, when the deadline leaves too little time for an attempt. */
  pauseToRepeat(ms: number, deadlineMs: number, signal?: AbortSignal): Promise<boolean>;
  /** The pause before the next attempt, with jitter. */
  pauseMs(attempts: number): number;
}

/**
 * With pauses of a second or more, these attempts take longer than the 25 s for which the key of a dead process stays under
 * way. A GET is limited by its deadline only.
 */
const attemptsMax = 20;
const pauseMsMin = 100;
const pauseMsMax = 5000;
/** An attempt with less time would end without a response, and the clear failure of the attempt before would be lost. */
const attemptMsMin = 50;

function createPauses(
  { now, after }: Pick<Surroundings, 'now' | 'after'>,
  signalsOf: (signal: AbortSignal | undefined) => AbortSignal[],
): Pick<Sender, 'pause' | 'pauseToRepeat'> {
  function pause(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        unwatch();
        resolve();
      };
      const timer = after(ms, end);
      let unwatch = (): void => undefined;
      unwatch = watchSignals(signalsOf(signal), end);
    });
  }

  return {
    pause,
    async pauseToRepeat(ms, deadlineMs, signal) {
      const isLate = (atMs: number): boolean => deadlineMs - atMs < attemptMsMin;
      if (isLate(now() + ms)) return false;
      await pause(ms, signal);
      // A timer may be late.
      return !isLate(now());
    },
  };
}

export function createSender(options: SenderOptions): Sender {
  const { url, apiKey, fetch, surroundings, attemptTimeoutMs, waitsForService } = options;
  const { now, random } = surroundings;
  const base = new URL(url).href.replace(/\/+$/, '');
  let keepsKeys = true;
  let hasResponded = false;

  const pauseMs = (attempts: number): number => random() * Math.min(pauseMsMax, pauseMsMin * 2 ** attempts);
  const signalsOf = (signal: AbortSignal | undefined): AbortSignal[] =>
    [options.signal, signal].filter((given) => given !== undefined);
  const { pause, pauseToRepeat } = createPauses(surroundings, signalsOf);

  function headersOf({ method, key }: Request, isKeyed: boolean): Record<string, string> {
    return {
      accept: 'application/json',
      ...(method !== 'GET' && { 'content-type': 'application/json' }),
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      ...(isKeyed && key && 'value' in key && { 'idempotency-key': key.value }),
    };
  }

  async function send(request: Request): Promise<ApiResponse> {
    const { method, path, body, key, deadlineMs, signal, holdMs = 0 } = request;
    const signals = signalsOf(signal);
    const history = createHistory(method === 'POST');
    let isKeyed = key !== undefined && (keepsKeys || key.kind !== 'made');
    for (;;) {
      if (signals.some(({ aborted }) => aborted)) throw history.end(abortedBy(signals, 'not_enqueued'));
      const timeoutMs = Math.max(1, Math.min(attemptTimeoutMs + holdMs, Math.ceil(deadlineMs - now())));
      const headers = headersOf(request, isKeyed);
      const end = await attempt(fetch, surroundings, { method, url: base + path, headers, body, timeoutMs, signals });
      hasResponded ||= 'response' in end || end.failure.status !== undefined;
      if ('response' in end) return end.response;
      const { failure } = end;
      const isThere = hasResponded || waitsForService || failure.code !== 'not_connected';
      const mayPass = end.mayPass && isThere;
      if (failure.code === 'keys_not_kept' && key?.kind === 'made' && isKeyed && !history.mayBeStored) {
        keepsKeys = false;
        isKeyed = false;
        continue;
      }
      history.add(failure);
      const mayRepeat = mayPass && (method !== 'POST' || isKeyed || !history.mayBeStored);
      if (!mayRepeat && mayPass) throw history.end({ ...failure, detail: `${failure.detail}${notRepeated}` });
      const isOut = method !== 'GET' && history.attempts >= attemptsMax;
      if (!mayRepeat || isOut) throw history.end(failure);
      const ms = (failure.retryAfterMs ?? 0) + pauseMs(history.attempts);
      if (!(await pauseToRepeat(ms, deadlineMs, signal))) throw history.end(failure);
    }
  }

  return { send, pause, pauseToRepeat, pauseMs };
}

const notRepeated = '. It was not sent again: the service keeps no keys';

interface History {
  readonly attempts: number;
  /** True when any of the attempts may have stored the job. */
  readonly mayBeStored: boolean;
  add(failure: Failure): void;
  end(failure: Failure): WorkFactoryError;
}

/** Collects what all attempts tell: a refusal says nothing of the attempts before it. */
function createHistory(isToEnqueue: boolean): History {
  const jobIds = new Set<string>();
  let attempts = 0;
  let mayBeStored = false;
  // The last response that told of each entry of a batch.
  let told: Failure['problem'];
  return {
    get attempts() {
      return attempts;
    },
    get mayBeStored() {
      return mayBeStored;
    },
    add({ outcome, problem, jobIds: ids = [] }) {
      attempts++;
      mayBeStored ||= outcome === 'unknown';
      ids.forEach((id) => jobIds.add(id));
      if (Array.isArray(problem?.['results'])) told = problem;
    },
    end(failure) {
      const outcome = mayBeStored ? 'unknown' : 'not_enqueued';
      return new WorkFactoryError({
        ...failure,
        outcome: isToEnqueue ? outcome : undefined,
        jobIds: [...jobIds],
        problem: told ?? failure.problem,
        attempts,
      });
    },
  };
}
