// The log in front of LevelDB: two files that take turns. Each group is one write and one sync, and two groups may be written
// at once (docs/decisions/0039-overlapping-groups.md); a full file is used again when LevelDB has all of it on disk
// (docs/decisions/0015-log-before-leveldb.md).
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOfGroup, encodeGroup, hasGroup, readGroup, type GroupPlace, type GroupRecord } from './group-record.ts';
import type { OpenSegment, Segment } from './segment.ts';
import { damagedIn, type StoreOperation } from './store.ts';

/** The part of the log that LevelDB is known to hold. */
export interface LogState {
  epoch: number;
  /** All groups up to this one survive a crash without the log. */
  synced: number;
  /** All groups up to this one were written. */
  applied: number;
}

export interface Log {
  /** All groups up to this one are stored. */
  readonly sequence: number;
  /**
   * Resolves when the group, and every group before it, survives a crash; rejects when a group may not. Calls end in order, each
   * when its write has ended. At most `writesMax` calls at a time, and no call after a failure.
   */
  append(operations: readonly StoreOperation[]): Promise<void>;
  /** Waits for the checkpoint of a full file, too. Never rejects. */
  close(): Promise<void>;
}

interface LogOptions {
  folder: string;
  epoch: number;
  segmentBytes: number;
  openSegment: OpenSegment;
  /** Each group waits for it before it is written. */
  untilRoom: () => Promise<void>;
  /** Called with each group once it is stored, in order. */
  onStored: (operations: readonly StoreOperation[], sequence: number) => void;
  /** Brings all groups up to this one to LevelDB's disk. */
  checkpoint: (sequence: number) => Promise<void>;
}

/** Each file begins with it: a file of zeros is not taken for an empty log. */
const header = Buffer.from('Work Factory log');

/** Makes the files that are missing, empty. From here on a file that is missing, or does not begin as a log, is damage. */
export async function makeLogFiles(folder: string): Promise<void> {
  for (const path of segmentPaths(folder)) {
    const file = await open(path, existsSync(path) ? 'r+' : 'w+');
    try {
      const { buffer } = await file.read(Buffer.alloc(header.length), 0, header.length, 0);
      if (buffer.equals(header)) continue;
      await file.write(header, 0, header.length, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

const segmentPaths = (folder: string): [string, string] => [join(folder, 'groups.0'), join(folder, 'groups.1')];

/** The groups of the file without gaps, from its first group on. */
function readChain(bytes: Buffer, start: number, epoch: number): { groups: GroupRecord[]; end: number } {
  const groups: GroupRecord[] = [];
  let end = start;
  const isNext = (place: GroupPlace): boolean => {
    const last = groups.at(-1);
    return place.epoch === epoch && (last === undefined || place.sequence === last.sequence + 1);
  };
  for (let group; (group = readGroup(bytes, end, isNext)); end = group.end) groups.push(group);
  return { groups, end };
}

/**
 * The groups that LevelDB may lack, in order. A group that was cut off at the end was never acknowledged, nor was a group
 * behind it that overlaps it; anything else that is missing is damage.
 * @param hasHeaders false: the files are of format 2, and begin with a group
 */
export async function readLog(folder: string, state: LogState, hasHeaders = true): Promise<GroupRecord[]> {
  const { epoch, synced, applied } = state;
  const paths = segmentPaths(folder);
  const missing = paths.find((path) => !existsSync(path));
  if (missing !== undefined) throw damagedIn(folder, `${missing} is missing`);
  const files = await Promise.all(paths.map((path) => readFile(path)));
  const odd = files.findIndex((bytes) => hasHeaders && !bytes.subarray(0, header.length).equals(header));
  if (odd !== -1) throw damagedIn(folder, `${paths[odd]} does not begin as a log`);
  const start = hasHeaders ? header.length : 0;
  const chains = files.map((bytes) => ({ bytes, ...readChain(bytes, start, epoch) }));
  const groups = chains
    .flatMap((chain) => chain.groups)
    .filter(({ sequence }) => sequence > synced)
    .sort((one, other) => one.sequence - other.sequence);
  const gap = groups.findIndex(({ sequence }, index) => sequence !== synced + 1 + index);
  if (gap !== -1) throw damagedIn(folder, `the log lacks the group ${synced + 1 + gap}`);
  const last = synced + groups.length;
  if (last < applied) throw damagedIn(folder, `the log ends at the group ${last}, of ${applied} at least`);
  const wasCutOffWith = (place: GroupPlace): boolean => place.overlaps && place.sequence === last + 2;
  const isLater = (place: GroupPlace): boolean =>
    place.epoch === epoch && place.sequence > last && !wasCutOffWith(place);
  for (const { bytes, end } of chains) {
    if (hasGroup(bytes, end, isLater)) throw damagedIn(folder, `the log lacks the group ${last + 1}`);
  }
  return groups;
}

/**
 * Whether the log has groups of a later epoch. The record of an epoch is synced in LevelDB before the first group of the epoch is
 * written. Where LevelDB lacks the record, its own log was damaged: LevelDB leaves damaged records out without an error. The first
 * group of an epoch begins the first file.
 */
export async function hasLaterLog(folder: string, epoch: number): Promise<boolean> {
  const [path] = segmentPaths(folder);
  if (!existsSync(path)) return false;
  const bytes = await readFile(path);
  const isLater = (place: GroupPlace): boolean => place.epoch > epoch;
  // In format 2 the file has no header.
  return [0, header.length].some((at) => readGroup(bytes, at, isLater) !== undefined);
}

/**
 * Waits for both writes, and rejects when a write has failed. `Promise.all` would reject while the other write is running. The
 * store is opened again after a failure, and the running write would reach a closed file, or a file with groups of the next epoch.
 */
async function bothEnded(before: Promise<void>, written: Promise<void>): Promise<void> {
  await Promise.allSettled([before, written]);
  await before;
  await written;
}

interface PlacedGroup {
  readonly segment: Segment;
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Makes the files that are missing. The contents of existing files belong to an earlier epoch now. */
export async function startLog(options: LogOptions): Promise<Log> {
  const { folder, epoch, segmentBytes, openSegment, checkpoint, untilRoom, onStored } = options;
  const [path, otherPath] = segmentPaths(folder);
  const opened: Segment[] = [];
  let current = await openOne(path);
  /** The other file, once it may be written from its start. */
  let free = untilNeeded(openOne(otherPath));
  let offset = header.length;
  /** The last group that has a place. */
  let placed = 0;
  /** All groups up to this one are stored. */
  let stored = 0;
  let placing: Promise<unknown> = Promise.resolve();
  let storing: Promise<void> = Promise.resolve();

  async function openOne(file: string): Promise<Segment> {
    const segment = await openSegment(file, segmentBytes);
    opened.push(segment);
    return segment;
  }

  /** A failure is thrown where the file is needed, and not before. */
  function untilNeeded(segment: Promise<Segment>): Promise<Segment> {
    segment.catch(() => {});
    return segment;
  }

  /** All groups of the present file are stored, so its checkpoint begins. */
  async function changeFile(): Promise<void> {
    const full = current;
    current = await free;
    offset = header.length;
    free = untilNeeded(checkpoint(stored).then(() => full));
  }

  /** @param before resolves when every group before this one is stored */
  async function place(operations: readonly StoreOperation[], before: Promise<void>): Promise<PlacedGroup> {
    await untilRoom();
    // A group that is larger than a file makes its file larger.
    if (offset > header.length && offset + bytesOfGroup(operations) > segmentBytes) {
      await before;
      await changeFile();
    }
    const sequence = ++placed;
    const bytes = encodeGroup({ epoch, sequence, overlaps: stored < sequence - 1 }, operations);
    const group = { segment: current, offset, bytes };
    offset += bytes.length;
    return group;
  }

  return {
    get sequence() {
      return stored;
    },
    append(operations) {
      const before = storing;
      const group = placing.then(() => place(operations, before));
      placing = group;
      const written = group.then(({ segment, bytes, offset: position }) => segment.write(bytes, position));
      storing = bothEnded(before, written).then(() => onStored(operations, ++stored));
      return storing;
    },
    async close() {
      await free.catch(() => {});
      // Each group was synced, so an error here is about nothing that was acknowledged. It must not keep LevelDB from being closed.
      await Promise.allSettled(opened.map((segment) => segment.close()));
    },
  };
}
