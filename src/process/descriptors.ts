// Standard output and standard error, so that no write to them can block.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

const withoutBlocking = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * A descriptor for the same file whose writes fail with EAGAIN instead of waiting for a reader (a file has none). A write that waits
 * holds a thread of Node's pool, and the exit waits for that thread (libuv's uv__threadpool_cleanup): a reader that stalls
 * would keep the program from ending.
 */
export function openWithoutBlocking(fd: 1 | 2): number {
  try {
    if (fstatSync(fd).isFile()) return fd;
    // Opened anew, because the flag belongs to the open file, which the shell and other programs may share.
    return openSync(`/proc/self/fd/${fd}`, withoutBlocking);
  } catch {
    // A socket (systemd, a program that runs on Node), or no /proc: Node's own stream sets the flag for sockets and pipes.
    (fd === 1 ? process.stdout : process.stderr).on('error', () => undefined);
    return fd;
  }
}

/** Whether a terminal controls this process, which sends SIGHUP when it closes (proc(5): tty_nr in stat). */
export function hasTerminal(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4] !== '0';
  } catch {
    return isatty(0) || isatty(1); // no /proc
  }
}

/**
 * To be called before the exit. Node then restores the terminals that it was started on, and aborts when one of them is gone
 * (ResetStdio in src/node.cc); a closed descriptor it passes over. Closing another device, /dev/null for example, does no harm.
 */
export function closeGoneTerminals(): void {
  for (const fd of [0, 1, 2]) {
    try {
      if (fstatSync(fd).isCharacterDevice() && !isatty(fd)) closeSync(fd);
    } catch {
      // closed already
    }
  }
}
