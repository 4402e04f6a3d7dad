// Which of a producer's connections may be written to. When a broker hangs, a command has no reply in time, or the reply tells
// a deadline of the broker. The outcome of a later command would be unknown, after some seconds.
//
//   trusted  commands may be given to it
//   asked    in doubt: INFO is under way, and nothing else is written
//   resting  in doubt: its INFO met the broker's deadline; INFO again after a pause
//
//   opened, no doubt is open                                    -> trusted
//   opened, a doubt is open                                     -> asked
//   trusted, it has not answered since a silence elsewhere began -> asked
//   trusted, the broker answered it with a deadline of its own  -> asked
//   asked, INFO is answered                                     -> trusted
//   asked, INFO is answered with that deadline                  -> resting -> asked
//   any, lost                                                   -> forgotten
//
// A doubt is open from the first such event until all connections are trusted.
import { OwnCause } from '../domain/cause.ts';
import type { Clock, Timer } from '../domain/clock.ts';
import { isBrokerDeadline } from './classify.ts';
import type { Connection } from './connection.ts';
import { ProtocolError } from './reply-reader.ts';

export interface StandingsOptions {
  /** The number of connections while none is lost. */
  size: number;
  clock: Clock;
  /** Called as a connection becomes trusted or no longer is, and as `downReason` changes. */
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
  /** The connection is given up: a reply was due, and nothing has come since `sinceMs`. */
  silent(connection: Connection, sinceMs: number): void;
  /** The broker answered a command of `sentMs` with a deadline of its own. */
  late(connection: Connection, sentMs: number): void;
}

/** Pushes wait so long for the replies to INFO. Then they are refused. */
const graceMs = 30;
/** When a broker begins to hang, its last replies on some connections come a little later than on others. */
const lastAnswersMs = 1000;
/** The pause before INFO is sent again. With it the return of the store is seen within a second. */
const restMs = 500;

const noAnswer = new OwnCause('it does not answer in time');
const storeHangs = new OwnCause('it greets, but answers commands late, or with a deadline: its Redis hangs');

export function createStandings({ size, clock, onChange }: StandingsOptions): Standings {
  const trusted: Connection[] = [];
  const doubted = new Map<Connection, 'asked' | 'resting'>();
  let isDoubtOpen = false;
  /** Since the doubt began it has greeted, or replied with a deadline of its own: its process does not hang. */
  let greets = false;
  const down = createDown(clock, onChange);

  function review(): void {
    if (doubted.size === 0 && trusted.length === size) isDoubtOpen = greets = false;
    if (trusted.length > 0 || !isDoubtOpen) down.clear();
    else down.begin();
    onChange();
  }

  function distrust(connection: Connection): void {
    const index = trusted.indexOf(connection);
    if (index !== -1) trusted.splice(index, 1);
  }

  function forget(connection: Connection): void {
    distrust(connection);
    doubted.delete(connection);
  }

  function ask(connection: Connection): void {
    distrust(connection);
    doubted.set(connection, 'asked');
    askInfo(connection, {
      onLate: () => rest(connection),
      onAlive() {
        doubted.delete(connection);
        trusted.push(connection);
        review();
      },
      onLost: () => forget(connection),
    });
  }

  function rest(connection: Connection): void {
    greets = true;
    doubted.set(connection, 'resting');
    clock.after(restMs, () => doubted.get(connection) === 'resting' && ask(connection));
  }

  function doubt(sinceMs: number): void {
    isDoubtOpen = true;
    for (const connection of [...trusted]) if (connection.answeredMs < sinceMs + lastAnswersMs) ask(connection);
    review();
  }

  return {
    trusted,
    get doubted() {
      return doubted.size;
    },
    get downReason() {
      if (!down.isSet) return undefined;
      return greets ? storeHangs : noAnswer;
    },
    opened(connection) {
      greets = isDoubtOpen;
      if (isDoubtOpen) ask(connection);
      else trusted.push(connection);
      review();
    },
    lost(connection) {
      forget(connection);
      if (isDoubtOpen) review();
    },
    silent(connection, sinceMs) {
      forget(connection);
      doubt(sinceMs);
    },
    late(connection, sentMs) {
      greets = true;
      if (trusted.includes(connection)) ask(connection);
      doubt(sentMs);
    },
  };
}

/** Calls one of them; a reply that is neither an error nor an object destroys the connection. */
function askInfo(
  connection: Connection,
  { onAlive, onLate, onLost }: Record<'onAlive' | 'onLate' | 'onLost', () => void>,
): void {
  connection.exchange('INFO', {
    onReply(reply) {
      if (reply.type === 'error') return isBrokerDeadline(reply.text) ? onLate() : onAlive();
      if (reply.type === 'bulk' && reply.text.startsWith('{')) return onAlive();
      connection.destroy(new ProtocolError('INFO was answered with something else than an object'));
    },
    onLost,
  });
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
