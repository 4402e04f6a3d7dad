// Reads the command line: start in a role, or run a command.
export const roleNames = ['api', 'worker', 'broker'] as const;
export type RoleName = (typeof roleNames)[number];

export type Call =
  | { kind: 'start'; role: RoleName | undefined }
  | { kind: 'health-check' }
  /** Everything else, --help and mistakes too: src/cli, which a start does not load. */
  | { kind: 'command' };

/** @param args what follows the program's own path */
export function readCommandLine(args: readonly string[]): Call {
  const [name, ...others] = args;
  if (others.length > 0) return { kind: 'command' };
  if (name === 'health-check') return { kind: 'health-check' };
  const role = roleNames.find((known) => known === name);
  return name === undefined || role !== undefined ? { kind: 'start', role } : { kind: 'command' };
}
