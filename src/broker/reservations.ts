// Jobs that were handed out and are not acknowledged yet. They are in memory, because ACK and FAIL name them by jid,
// and on disk, so that a restart neither loses them nor hands them out twice before their time.
import { streamKey, placeOf, seal, unseal } from './records.ts';
import type { Ledger } from './ledger.ts';

export interface Reservation {
  readonly jid: string;
  readonly place: number;
  readonly expiryMs: number;
  /** The job's JSON as it was handed out. */
  readonly text: string;
  /** Another reservation of the same jid: clients may push one twice, and each copy ends on its own. */
  older: Reservation | undefined;
}

interface ReservationHeader {
  jid: string;
  sinceMs: number;
  expiryMs: number;
}

export interface Reservations {
  readonly stream: number;
  add(jid: string, sinceMs: number, expiryMs: number, text: string): Reservation;
  /** Takes out the latest reservation of this jid. */
  release(jid: string): Reservation | undefined;
  /** Takes out this one; false when it has ended already. */
  revoke(reservation: Reservation): boolean;
  /** Takes out all whose time is up. */
  takeExpired(nowMs: number): Reservation[];
  /** Brings back what recovery found. */
  restore(key: Buffer, value: Buffer): void;
  count(): number;
  bytes(): number;
}

const newline = Buffer.from('\n');

export function createReservations(stream: number, ledger: Ledger, nextSequence: () => number): Reservations {
  const latest = new Map<string, Reservation>();
  let count = 0;
  let bytes = 0;

  function keep(jid: string, place: number, expiryMs: number, text: string): Reservation {
    const reservation: Reservation = { jid, place, expiryMs, text, older: latest.get(jid) };
    latest.set(jid, reservation);
    count++;
    bytes += text.length;
    return reservation;
  }

  function forget(reservation: Reservation): void {
    count--;
    bytes -= reservation.text.length;
    ledger.del(streamKey(stream, reservation.place));
  }

  /** Takes out those of one jid that `ends` names. */
  function removeWhere(jid: string, ends: (reservation: Reservation) => boolean): Reservation[] {
    const chain: Reservation[] = [];
    for (let one = latest.get(jid); one; one = one.older) chain.push(one);
    chain.reverse();
    const ended = chain.filter(ends);
    if (ended.length === 0) return ended;
    latest.delete(jid);
    let older: Reservation | undefined;
    for (const one of chain.filter((other) => !ends(other))) {
      one.older = older;
      latest.set(jid, (older = one));
    }
    ended.forEach(forget);
    return ended;
  }

  return {
    stream,
    add(jid, sinceMs, expiryMs, text) {
      const place = nextSequence();
      const key = streamKey(stream, place);
      const header: ReservationHeader = { jid, sinceMs, expiryMs };
      ledger.put(key, seal(key, Buffer.from(JSON.stringify(header)), newline, Buffer.from(text)));
      return keep(jid, place, expiryMs, text);
    },
    release(jid) {
      const reservation = latest.get(jid);
      if (!reservation) return undefined;
      if (reservation.older) latest.set(jid, reservation.older);
      else latest.delete(jid);
      forget(reservation);
      return reservation;
    },
    revoke: ({ jid, place }) => removeWhere(jid, (one) => one.place === place).length > 0,
    takeExpired: (nowMs) => [...latest.keys()].flatMap((jid) => removeWhere(jid, (one) => one.expiryMs <= nowMs)),
    restore(key, value) {
      const body = unseal(key, value);
      const end = body.indexOf(newline);
      const { jid, expiryMs } = JSON.parse(body.toString('utf8', 0, end)) as ReservationHeader;
      keep(jid, placeOf(key), expiryMs, body.toString('utf8', end + 1));
    },
    count: () => count,
    bytes: () => bytes,
  };
}
