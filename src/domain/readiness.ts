// Whether a process is ready for its work, check by check, for /ready.

export interface Check {
  ok: boolean;
  /** The cause, for a person. Everybody may ask /ready, so it repeats no text of a job or a server. */
  reason?: string;
}

export interface ReadinessReport {
  isReady: boolean;
  /** The body of /ready. */
  body: object;
}

export type Readiness = () => Promise<ReadinessReport>;

export const checkOf = (reason: string | undefined): Check =>
  reason === undefined ? { ok: true } : { ok: false, reason };

/** @param weak names of checks that are shown but do not make the process unready */
export function reportOf(
  checks: Readonly<Record<string, Check>>,
  weak: readonly string[],
  about: object = {},
): ReadinessReport {
  const isReady = Object.entries(checks).every(([name, { ok }]) => ok || weak.includes(name));
  return { isReady, body: { status: isReady ? 'ready' : 'unavailable', ...about, checks } };
}
