// How long no FETCH has got a job or nil. A Faktory whose Redis hangs still greets and replies to BEAT, because it does both from
// memory (contribsys/faktory server/workers.go, v1.9.4).
import { OwnCause } from '../../domain/cause.ts';
import type { Clock } from '../../domain/clock.ts';
import { brokerCauseOf } from '../classify.ts';

export interface FetchSilence {
  sent(): void;
  /** @param error the broker's reply when it is neither a job nor nil; `lost`: there was no reply */
  ended(how: 'replied' | 'lost' | { error: string }): void;
  /** The worker wants no job: it has no free slot, or pauses for another reason. */
  rest(): void;
  /** Set when a FETCH has been without a reply for 15 s. */
  readonly problem: OwnCause | undefined;
}

export interface FetchSilenceOptions {
  clock: Pick<Clock, 'now'>;
  /** When the broker last replied to a BEAT, by the clock. */
  beatRepliedMs: () => number;
}

/** The reply to an empty FETCH comes after 2 s, and a restarted broker is back sooner than this. */
const silenceMsMax = 15_000;

export function createFetchSilence({ clock, beatRepliedMs }: FetchSilenceOptions): FetchSilence {
  let outstanding = 0;
  let sinceMs: number | undefined;
  let error: string | undefined;

  function describe(forMs: number, beats: boolean): string {
    const seconds = Math.floor(forMs / 1000);
    if (error === undefined)
      return beats
        ? `it replies to BEAT, but no FETCH for ${seconds} s: its Redis hangs?`
        : `it replies to no FETCH for ${seconds} s`;
    const cause = brokerCauseOf(new Error(error)) ?? 'the log has its reply';
    const what = beats ? 'it replies to BEAT, but has replied to every FETCH' : 'it has replied to every FETCH';
    return `${what} for ${seconds} s with an error: ${cause}`;
  }

  return {
    sent() {
      outstanding++;
      sinceMs ??= clock.now();
    },
    ended(how) {
      outstanding--;
      if (typeof how === 'object') ({ error } = how);
      if (how !== 'replied') return;
      sinceMs = outstanding > 0 ? clock.now() : undefined;
      error = undefined;
    },
    rest() {
      if (outstanding > 0) return;
      sinceMs = error = undefined;
    },
    get problem() {
      if (sinceMs === undefined) return undefined;
      const forMs = clock.now() - sinceMs;
      if (forMs < silenceMsMax) return undefined;
      return new OwnCause(describe(forMs, beatRepliedMs() > sinceMs));
    },
  };
}
