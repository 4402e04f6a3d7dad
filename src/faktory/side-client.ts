// A connection for commands that take long: Faktory (v1.9.4, server/mutate.go) reads a whole set for each MUTATE, and pushes must
// not wait for it. It is opened at the first command.
import type { Clock } from '../domain/clock.ts';
import { inTime } from '../domain/in-time.ts';
import type { FaktoryClient } from './client.ts';

export interface SideClientOptions {
  /** Opens a client of one connection. `onChange` is the client's. */
  open: (onChange: () => void) => Pick<FaktoryClient, 'live' | 'downReason' | 'send' | 'close'>;
  clock: Clock;
  /** The longest wait for the replies. */
  timeoutMs: number;
}

export interface SideClient {
  /** Sends the commands one after another. Rejects with a SideError. */
  send(commands: readonly string[][]): Promise<string[]>;
  close(): Promise<void>;
}

/** `away`: nothing was sent; `unknown`: there was no clear reply. */
export class SideError extends Error {
  readonly outcome: 'away' | 'unknown';

  constructor(outcome: SideError['outcome'], cause: unknown) {
    super(outcome === 'away' ? 'The broker is away' : 'The broker gave no clear reply', { cause });
    this.outcome = outcome;
  }
}

export function createSideClient({ open, clock, timeoutMs }: SideClientOptions): SideClient {
  let client: ReturnType<SideClientOptions['open']> | undefined;
  /** Settled when the connection is open or has failed. */
  let tried: Promise<void> | undefined;

  function openClient(): NonNullable<typeof client> {
    let onTried: () => void;
    tried = new Promise((resolve) => (onTried = resolve));
    const opened = open(() => {
      if (opened.live.length > 0 || opened.downReason) onTried();
    });
    return opened;
  }

  return {
    async send(commands) {
      const opened = (client ??= openClient());
      await tried;
      if (opened.live.length === 0) throw new SideError('away', opened.downReason);
      const lateError = (): Error => new Error('no reply from the broker in time');
      const replies = Promise.all(commands.map((command) => opened.send([...command])));
      return inTime(replies, { clock, timeoutMs, lateError }).catch((error: unknown) => {
        throw new SideError('unknown', error);
      });
    },
    close: async () => client?.close(),
  };
}
