// A file of the log. Its size is written beforehand: a sync then has the bytes to write and nothing of the file system.
import { close, constants, existsSync, fdatasync, open as openFile, write, type NoParamCallback } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

export interface Segment {
  /** Resolves when the bytes survive a crash of the machine. */
  write(bytes: Buffer, position: number): Promise<void>;
  close(): Promise<void>;
}

/** Makes the file if it is missing, with a size of at least `bytes`. */
export type OpenSegment = (path: string, bytes: number) => Promise<Segment>;

/**
 * Linux writes and syncs in one call, so in one turn of a pool thread. Elsewhere the flag is missing, or is less than a sync
 * (macOS: only F_FULLFSYNC empties the disk's cache, which is what `fdatasync` is there in libuv).
 */
const syncsByFlag = process.platform === 'linux';

const zeros = Buffer.alloc(1024 * 1024);

const promised = (run: (done: NoParamCallback) => void): Promise<void> =>
  new Promise((resolve, reject) => run((error) => (error ? reject(error) : resolve())));

function writeAll(fd: number, bytes: Buffer, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // A disk that becomes full takes a part of the bytes, and fails the next call.
    const writeRest = (done: number): void =>
      write(fd, bytes, done, bytes.length - done, position + done, (error, written) => {
        if (error) reject(error);
        else if (done + written === bytes.length) resolve();
        else writeRest(done + written);
      });
    writeRest(0);
  });
}

async function fill(file: FileHandle, bytes: number): Promise<void> {
  let { size } = await file.stat();
  if (size >= bytes) return;
  while (size < bytes) {
    const { bytesWritten } = await file.write(zeros, 0, Math.min(zeros.length, bytes - size), size);
    size += bytesWritten;
  }
  await file.sync();
}

export const openSegment: OpenSegment = async (path, bytes) => {
  const file = await open(path, existsSync(path) ? 'r+' : 'w+');
  await fill(file, bytes).finally(() => file.close());
  const flags = constants.O_RDWR | (syncsByFlag ? constants.O_DSYNC : 0);
  const fd = await new Promise<number>((resolve, reject) =>
    openFile(path, flags, (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  return {
    async write(data, position) {
      await writeAll(fd, data, position);
      if (!syncsByFlag) await promised((done) => fdatasync(fd, done));
    },
    close: () => promised((done) => close(fd, done)),
  };
};
