// The queues and sets of a broker, for /metrics and for the routes of operators.

export interface QueueState {
  name: string;
  /** How many jobs the queue holds. */
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

/** A reading of the broker that many readers share, because they may ask often. */
export interface BrokerPoll {
  /** A state at most a second old. Without a reply in half a second: the last state of 30 s, or undefined. Never rejects. */
  look(): Promise<BrokerState | undefined>;
}
