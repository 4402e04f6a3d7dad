// The storage that the broker needs: ordered keys, and batches that are applied as a whole or not at all.
// Two implementations: durable-store.ts and memory-store.ts.

export type StoreOperation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer };

/**
 * A disk syncs two batches in little more time than a single batch. With a third batch in flight the log could not tell damage from a crash
 * (docs/decisions/0039-overlapping-groups.md).
 */
export const writesMax = 2;

export type StoreRecord = readonly [key: Buffer, value: Buffer];

export interface Store {
  /**
   * Resolves when the batch, and every batch before it, survives a crash of the machine; rejects when a batch may not. Calls end
   * in order, each when nothing of its batch is written any more. At most `writesMax` calls at a time.
   */
  write(operations: StoreOperation[]): Promise<void>;
  /** The last value under each key, in the order of the keys; undefined for a key without a value. */
  get(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>;
  /** Records with from <= key < to in key order, as they are when it is called; at least one if there is one. */
  page(from: Buffer, to: Buffer, recordsMax: number, bytesMax: number): Promise<StoreRecord[]>;
  /**
   * All records except the format's, in key order and in pages, as they are between two writes soon after the first page is asked
   * for.
   */
  records(): AsyncIterable<readonly StoreRecord[]>;
  /** Deletes from <= key < to; a crash may leave some. */
  clear(from: Buffer, to: Buffer): Promise<void>;
  /** Closes the store and opens it again: after a failed write only the records on disk count. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

/** `locked`: another process has the folder. `damaged`: an acknowledged job may be missing. `failed`: the rest. */
export type StoreErrorCode = 'locked' | 'damaged' | 'failed';

export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export const damagedIn = (folder: string, what: string, cause?: unknown): StoreError =>
  new StoreError('damaged', `the broker's data in ${folder} are damaged: ${what}`, cause);
