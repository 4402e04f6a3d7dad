// Reads the command line: it names a role or a command.
export const roleNames = ['api', 'worker', 'broker'] as const;
export type RoleName = (typeof roleNames)[number];

export type Call =
  | { kind: 'start'; role: RoleName | undefined }
  | { kind: 'health-check' }
  /** Everything else, also --help and mistakes, is for src/cli, which the start of a role does not load. */
  | { kind: 'command' };

/** @param args the arguments without the program's own path */
export function readCommandLine(args: readonly string[]): Call {
  const [name, ...others] = args;
  if (others.length > 0) return { kind: 'command' };
  if (name === 'health-check') return { kind: 'health-check' };
  const role = roleNames.find((known) => known === name);
  return name === undefined || role !== undefined ? { kind: 'start', role } : { kind: 'command' };
}
