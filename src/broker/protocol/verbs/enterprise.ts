// Verbs of Faktory Enterprise: refused, as Faktory itself refuses them.
import type { Command } from '../command.ts';

export function enterprise(subsystem: string): Command {
  return () => {
    throw new Error(`${subsystem} subsystem is only available in Faktory Enterprise`);
  };
}
