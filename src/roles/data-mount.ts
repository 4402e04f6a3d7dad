// Whether data outlive the container in which the program runs. Without this check a volume that is not mounted would mean an
// empty store without a word.
import { existsSync, readFileSync, realpathSync } from 'node:fs';

interface Mount {
  path: string;
  type: string;
}

/** Reads /proc/self/mountinfo (proc_pid_mountinfo(5)): the fifth field is the path, the first field after " - " is the type. */
function mountsOf(mountinfo: string): Mount[] {
  return mountinfo
    .trimEnd()
    .split('\n')
    .map((line) => ({
      path: (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
      type: line.split(' - ')[1]?.split(' ')[0] ?? '',
    }));
}

const holds = (mount: string, path: string): boolean => mount === '/' || path === mount || path.startsWith(`${mount}/`);

/** Why data in this folder end with the container. Undefined: they do not. */
export function reasonToLose(path: string, mountinfo: string, isContainer: boolean): string | undefined {
  // The longest path is the nearest mount. Of two mounts at one path the later covers the earlier.
  const mount = mountsOf(mountinfo)
    .filter((candidate) => holds(candidate.path, path))
    .reduce<Mount | undefined>((best, next) => (best && best.path.length > next.path.length ? best : next), undefined);
  if (mount?.type === 'tmpfs' || mount?.type === 'ramfs') return 'it is in memory';
  if (mount?.path === '/' && (isContainer || mount.type.includes('overlay'))) return 'no volume is mounted there';
  return undefined;
}

/**
 * A warning when an existing folder does not outlive the container. Only on Linux.
 *
 * @param name the variable that names the folder
 */
export function dataMountWarning(name: string, folder: string): string | undefined {
  try {
    const isContainer = existsSync('/.dockerenv') || existsSync('/run/.containerenv');
    const reason = reasonToLose(realpathSync(folder), readFileSync('/proc/self/mountinfo', 'utf8'), isContainer);
    return reason && `${name} does not outlive this container: ${reason}`;
  } catch {
    return undefined;
  }
}
