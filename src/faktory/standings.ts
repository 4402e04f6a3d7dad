// Which of a producer's connections may be written to. When a broker hangs, a command has no reply in time, or the reply tells
// a deadline of the broker. The outcome of a later command would be unknown, after some seconds.
//
//   trusted  commands may be given to it
//   asked    in doubt: INFO is under way, and nothing else is written
//   resting  in doubt: its INFO met the broker's deadline; INFO again after a pause
//
//   opened, no doubt is open                                    -> trusted
//   opened, a doubt is open                                     -> asked
//   trusted, no reply on it since a silence elsewhere began      -> asked
//   trusted, the broker's reply names a deadline of its own      -> asked
//   asked, the reply to INFO comes                               -> trusted
//   asked, the reply to INFO names that deadline                 -> resting -> asked
//   any, lost                                                   -> forgotten
//
// A doubt is open from the first such event until all connections are trusted.
import { OwnCause } from '../domain/cause.ts';
import type { Clock, Timer } from '../domain/clock.ts';
import { isBrokerDeadline } from './classify.ts';
import type { Connection } from './connection.ts';
import { ProtocolError } from './reply-reader.ts';

export interface StandingsOptions {
  /** The number of connections when none is lost. */
  size: number;
  clock: Clock;
  /** Called when a connection becomes trusted or no longer is, and when `downReason` changes. */
  onChange: () => void;
}

export interface Standings {
  readonly trusted: readonly Connection[];
  /** Live connections in doubt. */
  readonly doubted: number;
  /** Set while a doubt is open and no connection is trusted. */
  readonly downReason: Error | undefined;
  opened(connection: Connection): void;
  lost(connection: Connection): void;
  /** Call it when a connection is given up: a reply was due, and nothing has come since `sinceMs`. */
  silent(connection: Connection, sinceMs: number): void;
  /** Call it when the reply to a command given at `sentMs` names a deadline of the broker. */
  late(connection: Connection, sentMs: number): void;
}

/** Pushes wait this long for the replies to INFO. Then they are refused. */
const graceMs = 30;
/** When a broker begins to hang, its last replies on some connections come a little later than on others. */
const lastRepliesMs = 1000;
/** The pause before INFO is sent again. With it the return of the store is seen within a second. */
const restMs = 500;

const noReply = new OwnCause('it does not answer in time');
const storeHangs = new OwnCause('its Redis hangs (it greets, but replies come too late)');

export function createStandings({ size, clock, onChange }: StandingsOptions): Standings {
  const trusted: Connection[] = [];
  // silent -> greets when the broker greets or names a deadline of its own: then its process does not hang.
  let doubt: 'none' | 'silent' | 'greets' = 'none';
  const down = createDown(clock, onChange);
  const doubted = createDoubted(clock, {
    onAlive(connection) {
      trusted.push(connection);
      review();
    },
    onLate: () => (doubt = 'greets'),
  });

  function review(): void {
    if (doubted.size === 0 && trusted.length === size) doubt = 'none';
    if (trusted.length > 0 || doubt === 'none') down.clear();
    else down.begin();
    onChange();
  }

  function forget(connection: Connection): void {
    const index = trusted.indexOf(connection);
    if (index !== -1) trusted.splice(index, 1);
    doubted.forget(connection);
  }

  function ask(connection: Connection): void {
    forget(connection);
    doubted.ask(connection);
  }

  function askOthers(sinceMs: number): void {
    for (const connection of [...trusted]) if (connection.repliedMs < sinceMs + lastRepliesMs) ask(connection);
    review();
  }

  return {
    trusted,
    get doubted() {
      return doubted.size;
    },
    get downReason() {
      if (!down.isSet) return undefined;
      return doubt === 'greets' ? storeHangs : noReply;
    },
    opened(connection) {
      if (doubt === 'none') trusted.push(connection);
      else {
        doubt = 'greets';
        ask(connection);
      }
      review();
    },
    lost(connection) {
      forget(connection);
      if (doubt !== 'none') review();
    },
    silent(connection, sinceMs) {
      forget(connection);
      if (doubt === 'none') doubt = 'silent';
      askOthers(sinceMs);
    },
    late(connection, sentMs) {
      doubt = 'greets';
      if (trusted.includes(connection)) ask(connection);
      askOthers(sentMs);
    },
  };
}

interface DoubtedEvents {
  /** The reply to INFO has come: the connection is no longer in doubt. */
  onAlive: (connection: Connection) => void;
  /** The reply to INFO names a deadline of the broker. */
  onLate: () => void;
}

/** The connections in doubt. INFO is sent over each until the reply comes. */
function createDoubted(clock: Clock, { onAlive, onLate }: DoubtedEvents) {
  const states = new Map<Connection, 'asked' | 'resting'>();
  const forget = (connection: Connection): void => void states.delete(connection);

  function rest(connection: Connection): void {
    onLate();
    states.set(connection, 'resting');
    clock.after(restMs, () => states.get(connection) === 'resting' && ask(connection));
  }

  /** A reply that is neither an error nor an object destroys the connection. */
  function ask(connection: Connection): void {
    states.set(connection, 'asked');
    connection.exchange('INFO', {
      onReply(reply) {
        if (reply.type === 'error' && isBrokerDeadline(reply.text)) return rest(connection);
        if (reply.type !== 'error' && !(reply.type === 'bulk' && reply.text.startsWith('{')))
          return connection.destroy(new ProtocolError('the reply to INFO is no object'));
        forget(connection);
        onAlive(connection);
      },
      onLost: () => forget(connection),
    });
  }

  return {
    get size() {
      return states.size;
    },
    ask,
    forget,
  };
}

/** The broker counts as down when no connection has become trusted for a moment. */
function createDown(clock: Clock, onChange: () => void) {
  let isSet = false;
  let grace: Timer | undefined;
  return {
    get isSet() {
      return isSet;
    },
    begin(): void {
      if (isSet) return;
      grace ??= clock.after(graceMs, () => {
        grace = undefined;
        isSet = true;
        onChange();
      });
    },
    clear(): void {
      grace?.cancel();
      grace = undefined;
      isSet = false;
    },
  };
}
