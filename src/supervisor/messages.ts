// What an API process and its supervisor tell each other. `id` ties a reply to its question.

/** One metric as `Registry.getMetricsAsJSON()` of prom-client 15 gives it. */
export interface MetricSnapshot {
  type: unknown;
}

export type FromMember =
  /** It listens and takes requests. */
  | { type: 'ready' }
  /** Somebody reads /metrics of this process: it wants the page of all. */
  | { type: 'page wanted'; id: number }
  | { type: 'snapshot'; id: number; metrics: MetricSnapshot[] }
  /** It ends in order, and counts no more. */
  | { type: 'last counts'; metrics: MetricSnapshot[] };

export type FromSupervisor =
  /** A successor listens at the same port: this process is to drain, and its machine is still ready. */
  { type: 'replaced' } | { type: 'snapshot wanted'; id: number } | { type: 'page'; id: number; text: string };
