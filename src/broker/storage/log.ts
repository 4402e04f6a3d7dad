// The log in front of LevelDB: two files that take turns. Each group is one write and one sync; a full file is used again
// when LevelDB has all of it on disk (docs/decisions/0015-log-before-leveldb.md).
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeGroup, hasGroup, readGroup, type GroupPlace, type GroupRecord } from './group-record.ts';
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
  /** The group that was stored last. */
  readonly sequence: number;
  /** Resolves when the group survives a crash. One call at a time, and no call after a failure. */
  append(operations: readonly StoreOperation[]): Promise<void>;
  close(): Promise<void>;
}

interface LogOptions {
  folder: string;
  epoch: number;
  segmentBytes: number;
  openSegment: OpenSegment;
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
 * The groups that LevelDB may lack, in order. A group that was cut off at the end was never acknowledged; anything else that
 * is missing is damage.
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
  const isLater = (place: GroupPlace): boolean => place.epoch === epoch && place.sequence > last;
  for (const { bytes, end } of chains) {
    if (hasGroup(bytes, end, isLater)) throw damagedIn(folder, `the log lacks the group ${last + 1}`);
  }
  return groups;
}

/** Whether there is a log with groups. Where LevelDB knows of no log, its own files are then damaged. */
export async function hasLog(folder: string): Promise<boolean> {
  const files = segmentPaths(folder).filter((path) => existsSync(path));
  const bytes = await Promise.all(files.map((path) => readFile(path)));
  return bytes.some((file) => [0, header.length].some((at) => readGroup(file, at, () => true) !== undefined));
}

/** Makes the files that are missing. The contents of existing files belong to an earlier epoch now. */
export async function startLog({ folder, epoch, segmentBytes, openSegment, checkpoint }: LogOptions): Promise<Log> {
  const [path, otherPath] = segmentPaths(folder);
  const opened: Segment[] = [];
  let current = await openOne(path);
  /** The other file, once it may be written from its start. */
  let free = untilNeeded(openOne(otherPath));
  let offset = header.length;
  let sequence = 0;

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

  /** Called before the first group of the other file: all groups of the present one are stored, so its checkpoint begins. */
  async function changeFile(): Promise<void> {
    const full = current;
    current = await free;
    offset = header.length;
    free = untilNeeded(checkpoint(sequence).then(() => full));
  }

  return {
    get sequence() {
      return sequence;
    },
    async append(operations) {
      const bytes = encodeGroup({ epoch, sequence: sequence + 1 }, operations);
      // A group that is larger than a file makes its file larger.
      if (offset > header.length && offset + bytes.length > segmentBytes) await changeFile();
      await current.write(bytes, offset);
      offset += bytes.length;
      sequence++;
    },
    async close() {
      await free.catch(() => {});
      await Promise.all(opened.map((segment) => segment.close()));
    },
  };
}
