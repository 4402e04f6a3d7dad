// The parsed heads of all queues share one limit.

/** Shared by the windows of all queues. */
export interface Window {
  bytes: number;
  readonly bytesMax: number;
  /** The last of the reads: one at a time, or many that find room would fill it many times over. */
  turn?: Promise<void>;
  /** Empties the window of a queue; the one that was filled the longest ago comes first. */
  holders?: Set<() => void>;
}
