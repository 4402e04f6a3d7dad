// Every limit of the broker, each with its reason. Tests and the program may set their own.

export interface BrokerLimits {
  /** Faktory's own limit (server/config.go, v1.9.4). Connections count after the handshake. */
  connectionsMax: number;
  /**
   * The most bytes of a command: a PUSHB of 20,000 jobs of 800 bytes. A client that never sends the end of a line cannot fill the
   * memory.
   */
  lineBytesMax: number;
  /** Unfinished lines of all connections together: 2,000 times `lineBytesMax` would be 32 GiB. */
  inputBytesMax: number;
  /** Jobs of one PUSHB; Faktory itself fails above about 100,000, and its author advises 1,000. */
  bulkJobsMax: number;
  /** Jobs that are queued, scheduled or to be retried. It limits the disk space, or the memory without a data folder. */
  jobsMax: number;
  /** Jobs handed out and not yet acknowledged: these are held in memory. */
  reservedJobsMax: number;
  /** Jobs handed out and not yet acknowledged, in bytes of their JSON. */
  reservedBytesMax: number;
  /** Each queue costs a record and a little memory, and clients may make up any names. */
  queuesMax: number;
  /** Jobs in the set `dead`. Above the limit the purge drops the oldest. Faktory keeps any number. */
  deadJobsMax: number;
  /** Jobs that were cancelled in a queue and are not at its head yet. Their places are held in memory. */
  cancelledJobsMax: number;
  /** Records of idempotency keys. It limits the disk space, at some 300 bytes each. */
  keysMax: number;
  /**
   * The most records in a generation of keys. LevelDB merges each new table of ids with every older table of the generation, so
   * a record costs more in a larger generation. A further generation costs a look into its filter for every key, and 50 bytes of
   * every group.
   */
  keyGenerationMax: number;
  /** Replies that a client has not read or that wait for the disk: above it the broker stops reading that client's commands. */
  outputBytesMax: number;
  /** Commands of one connection that wait for the disk; above it the broker stops reading that connection. */
  pendingRepliesMax: number;
  /** Bytes gathered for the next write to disk; above it the broker stops reading all connections. */
  groupBytesMax: number;
  /** Jobs at the heads of all queues that are kept parsed, in bytes of their JSON; the rest is on disk only. */
  windowBytesMax: number;
}

const mebibyte = 1024 * 1024;

export const defaultLimits: BrokerLimits = {
  connectionsMax: 2000,
  lineBytesMax: 16 * mebibyte,
  inputBytesMax: 256 * mebibyte,
  bulkJobsMax: 20_000,
  jobsMax: 10_000_000,
  reservedJobsMax: 100_000,
  reservedBytesMax: 256 * mebibyte,
  queuesMax: 1000,
  deadJobsMax: 100_000,
  cancelledJobsMax: 100_000,
  keysMax: 10_000_000,
  keyGenerationMax: 250_000,
  outputBytesMax: mebibyte,
  pendingRepliesMax: 1000,
  groupBytesMax: 32 * mebibyte,
  windowBytesMax: 32 * mebibyte,
};
