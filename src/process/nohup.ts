// Whether nohup started this program. The program cannot see that SIGHUP was ignored, because Node sets every signal but SIGPIPE
// and SIGXFSZ to its default before any JavaScript runs (ResetSignalHandlers in Node's src/node.cc).
import { readFileSync, readlinkSync } from 'node:fs';

/** bash, zsh and ksh put the path of the command that they start into `_`; nohup passes it on. */
const isNamedByShell = (env: Readonly<Record<string, string | undefined>>): boolean =>
  /(^|\/)nohup$/.test(env['_'] ?? '');

/** GNU nohup replaces a terminal on standard input by /dev/null, opened for writing only (coreutils src/nohup.c). */
function hasWriteOnlyInput(): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))?.[1] ?? '0';
    return readlinkSync('/proc/self/fd/0') === '/dev/null' && (Number.parseInt(flags, 8) & 3) === 1;
  } catch {
    return false; // no /proc
  }
}

export const isUnderNohup = (env: Readonly<Record<string, string | undefined>>): boolean =>
  isNamedByShell(env) || hasWriteOnlyInput();
