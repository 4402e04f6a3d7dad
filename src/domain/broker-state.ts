// What a broker holds, as /metrics and the routes for operators show it.

export interface QueueState {
  name: string;
  /** Jobs. */
  depth: number;
  /** Age of the oldest job, in seconds, 0 when the queue is empty; undefined when the broker did not say. */
  latencySeconds: number | undefined;
  /** Undefined when the broker does not say. */
  isPaused: boolean | undefined;
}

export interface BrokerState {
  queues: readonly QueueState[];
  /** Jobs of Faktory's sets, and jobs that a worker has (`working`). */
  scheduled: number;
  retries: number;
  dead: number;
  working: number;
  /** Jobs that ended, and attempts that failed, since the broker's data began: two readings give a rate. */
  processed: number;
  failures: number;
}

/** One reading of the broker for all who want to know, however many and however often they ask. */
export interface BrokerPoll {
  /**
   * A state that is at most a second old; when the broker does not say within half a second, its last one of the last 30 s,
   * or undefined. Never rejects.
   */
  look(): Promise<BrokerState | undefined>;
}
