// What becomes of one PUSHB: which jobs are stored, how often and when, and what the broker says of them. The errors and
// times are Faktory's: its driver sends a command again after 3 s and gives up after 6 s, and the second sending can be
// refused although the first was stored.
import type { World } from './world.ts';

export interface BrokerState {
  redisPausedUntilMs: number;
  redisErrorUntilMs: number;
  redisError: string;
}

export interface Verdict {
  kind:
    | 'ok'
    | 'resent'
    | 'resent, then refused'
    | 'deadline'
    | 'redis refuses'
    | 'partial'
    | 'refused'
    | 'ambiguous'
    | 'silent'
    | 'slow'
    | 'crash'
    | 'lie';
  stored: { jid: string; copies: number }[];
  storeAfterMs: number;
  replyAfterMs: number;
  /** By jid: the reply's map. */
  refusals: Record<string, string>;
  /** Instead of a map. */
  error: string | undefined;
}

const resendMs = 3000;
export const giveUpMs = 6000;

const redisErrors = [
  'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk',
  "OOM command not allowed when used memory > 'maxmemory'",
  "READONLY You can't write against a read only replica",
];

const jobErrors = [
  'jobs must have a reasonable jid parameter',
  'jobs must have a jobtype parameter',
  'jobs cannot be reserved for more than one day',
  'cannot get "a b" queue: queue names must match \\A[a-zA-Z0-9._-]+\\z',
];

const ambiguousErrors = [
  'context deadline exceeded',
  'read unix @->redis.sock: i/o timeout',
  'EOF',
  'write: broken pipe',
  'redis: connection pool timeout',
  'internal error',
  'LOADING Redis is loading the dataset in memory',
];

const once = (jids: readonly string[]): Verdict['stored'] => jids.map((jid) => ({ jid, copies: 1 }));
/** Each text names its job, so that a reply which reaches the wrong caller shows. */
const mapOf = (jids: readonly string[], text: () => string): Record<string, string> =>
  Object.fromEntries(jids.map((jid) => [jid, `${text()} (${jid})`]));

export function decideVerdict(world: World, state: BrokerState, jids: readonly string[]): Verdict {
  const { random, scheduler, strikes } = world;
  const serviceMs = random.between(0.05, 0.4) + jids.length * 0.01;
  const ok: Verdict = {
    kind: 'ok',
    stored: once(jids),
    storeAfterMs: serviceMs * random.next(),
    replyAfterMs: serviceMs,
    refusals: {},
    error: undefined,
  };
  const pausedMs = state.redisPausedUntilMs - scheduler.nowMs;
  if (pausedMs > 0) return duringPause(world, ok, jids, pausedMs);
  if (state.redisErrorUntilMs > scheduler.nowMs) {
    return { ...ok, kind: 'redis refuses', stored: [], refusals: mapOf(jids, () => state.redisError) };
  }
  if (strikes('crash')) return { ...ok, kind: 'crash', replyAfterMs: serviceMs * random.next() };
  if (strikes('silent')) return { ...ok, kind: 'silent', stored: random.chance(0.5) ? ok.stored : [] };
  if (strikes('lie')) return { ...ok, kind: 'lie' };
  if (strikes('slow')) {
    const slowMs = random.between(50, 9000);
    return { ...ok, kind: 'slow', replyAfterMs: slowMs, storeAfterMs: slowMs * random.next() };
  }
  if (strikes('partial')) return partial(world, ok, jids);
  if (strikes('refuseAll')) {
    const error = random.pick([...redisErrors, 'invalid JSON: json: cannot unmarshal string']);
    return { ...ok, kind: 'refused', stored: [], error };
  }
  return strikes('ambiguous') ? ambiguous(world, ok, jids) : ok;
}

function partial({ random }: World, ok: Verdict, jids: readonly string[]): Verdict {
  const refusedJids = jids.filter(() => random.chance(0.4));
  const stored = once(jids.filter((jid) => !refusedJids.includes(jid)));
  return {
    ...ok,
    kind: 'partial',
    stored,
    refusals: mapOf(refusedJids, () => random.pick([...jobErrors, ...redisErrors])),
  };
}

/** A text that does not say whether the job was stored: it may have been. */
function ambiguous({ random }: World, ok: Verdict, jids: readonly string[]): Verdict {
  const error = random.pick(ambiguousErrors);
  const stored = once(jids.filter(() => random.chance(0.5)));
  if (random.chance(0.5)) return { ...ok, kind: 'ambiguous', stored, error };
  const named = jids.filter((jid) => stored.every((item) => item.jid !== jid) || random.chance(0.5));
  return { ...ok, kind: 'ambiguous', stored, refusals: mapOf(named, () => error) };
}

function duringPause({ random }: World, ok: Verdict, jids: readonly string[], pausedMs: number): Verdict {
  const wokenMs = pausedMs + ok.storeAfterMs;
  const replyAfterMs = pausedMs + ok.replyAfterMs;
  const [first, ...others] = jids as [string, ...string[]];
  if (pausedMs < resendMs) return { ...ok, kind: 'slow', storeAfterMs: wokenMs, replyAfterMs };
  if (pausedMs < giveUpMs) {
    if (random.chance(0.4)) {
      // Redis woke up, ran the first sending, and by the second could not save any more.
      const refusals = mapOf(jids, () => random.pick(redisErrors));
      const stored = once([first]);
      return { ...ok, kind: 'resent, then refused', stored, storeAfterMs: wokenMs, replyAfterMs, refusals };
    }
    const stored = [{ jid: first, copies: 2 }, ...once(others)];
    return { ...ok, kind: 'resent', stored, storeAfterMs: wokenMs, replyAfterMs };
  }
  // The reply comes before Redis has woken up and run what waits in its socket.
  const stored = [{ jid: first, copies: 2 }, ...once(others.filter(() => random.chance(0.1)))];
  const refusals = mapOf(jids, () => 'context deadline exceeded');
  return { ...ok, kind: 'deadline', stored, storeAfterMs: wokenMs, replyAfterMs: giveUpMs, refusals };
}
