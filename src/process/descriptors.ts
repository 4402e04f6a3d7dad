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
    // Standard output is a socket (systemd, a parent program on Node), or there is no /proc. Node's own stream sets the flag for
    // sockets and pipes.
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
 * Call it before the exit. At exit Node restores the terminals on which it was started, and aborts when one of them is gone
 * (ResetStdio in src/node.cc). It ignores a closed descriptor. Closing another device, for example /dev/null, does no harm.
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
