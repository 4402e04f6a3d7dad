// Reports commands that stop or destroy the work of others, with the client that sent them, when their outcome is known.
import type { GroupOutcome, Ledger } from '../storage/ledger.ts';
import type { ClientName, Session } from './session.ts';

export interface AuditEntry {
  /** The verb and its action, for example `QUEUE PAUSE`. */
  command: string;
  /** Arguments of the command. Of many queues only the first names are given. */
  details: Record<string, unknown>;
  outcome: GroupOutcome;
  client: ClientName;
}

export type Audit = (session: Session, command: string, details?: Record<string, unknown>) => void;

/** The most names that are reported. A client may name a thousand queues. */
const namesMax = 20;

export const namesForAudit = (names: readonly string[]): Record<string, unknown> => ({
  queues: names.slice(0, namesMax),
  ...(names.length > namesMax && { and_more: names.length - namesMax }),
});

export function createAudit(ledger: Ledger, tell: (entry: AuditEntry) => void): Audit {
  return ({ client }, command, details = {}) => {
    const settle = (outcome: GroupOutcome): void => tell({ command, details, outcome, client });
    // A command that changed nothing is reported, too.
    if (ledger.join({ settle: (_group, outcome) => settle(outcome) }) === 0) settle('stored');
  };
}
