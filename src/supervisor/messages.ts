// The messages between an API process and its supervisor. `id` ties a reply to its question.

/** One metric as `Registry.getMetricsAsJSON()` of prom-client 15 gives it. */
export interface MetricSnapshot {
  type: unknown;
}

export type FromMember =
  /** The process listens and takes requests. */
  | { type: 'ready' }
  /** Somebody reads /metrics of this process, which wants the page of all processes. */
  | { type: 'page wanted'; id: number }
  | { type: 'snapshot'; id: number; metrics: MetricSnapshot[] }
  /** The process ends in order, and counts no more. */
  | { type: 'last counts'; metrics: MetricSnapshot[] };

export type FromSupervisor =
  /** `replaced`: another process listens at the same port. This process is to drain, and its machine stays ready. */
  { type: 'replaced' } | { type: 'snapshot wanted'; id: number } | { type: 'page'; id: number; text: string };
