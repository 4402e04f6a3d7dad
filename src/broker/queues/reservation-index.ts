// The reservations in memory, by jid.
import { queueNameOf } from './job.ts';

export interface Reservation {
  readonly jid: string;
  /** The worker that has the job; undefined when the client gave no wid. */
  readonly wid: string | undefined;
  readonly place: number;
  readonly expiryMs: number;
  /** The job's JSON as it was handed out. */
  readonly text: string;
  /** Another reservation of the same jid: clients may push a jid twice, and each copy ends on its own. */
  older: Reservation | undefined;
}

/** Groups the reservations by the name of the queue of their jobs. Each group keeps their order. */
export function byQueue(reservations: readonly Reservation[]): Map<string, Reservation[]> {
  const found = new Map<string, Reservation[]>();
  for (const one of reservations) {
    const name = queueNameOf(one.text);
    const others = found.get(name);
    if (others) others.push(one);
    else found.set(name, [one]);
  }
  return found;
}

export interface ReservationIndex {
  add(reservation: Reservation): Reservation;
  /**
   * The latest reservation of this jid that the worker `wid` has. If the worker has none: the latest that a client without a wid has.
   * If `wid` is undefined: the latest.
   */
  ofWorker(jid: string, wid: string | undefined): Reservation | undefined;
  /** Takes out the reservation that `ofWorker` names, or else the latest reservation of this jid. */
  takeLatest(jid: string, wid: string | undefined): Reservation | undefined;
  /** Takes out this reservation. False: it has ended already. */
  take(reservation: Reservation): boolean;
  takeExpired(nowMs: number): Reservation[];
  /** The wanted reservations, in the order of their places. */
  find(isWanted: (reservation: Reservation) => boolean): Reservation[];
  /** The wids that have reservations. */
  workers(): Iterable<string>;
  count(): number;
  /** The length of the jobs' JSON, in characters. */
  bytes(): number;
}

/** All reservations of a jid, from the latest to the oldest. */
function copiesFrom(latest: Reservation | undefined): Reservation[] {
  const copies: Reservation[] = [];
  for (let one = latest; one; one = one.older) copies.push(one);
  return copies;
}

const copyOf = (wid: string | undefined, copies: readonly Reservation[]): Reservation | undefined =>
  copies.find((one) => wid === undefined || one.wid === wid) ?? copies.find((one) => one.wid === undefined);

export function createReservationIndex(): ReservationIndex {
  const latest = new Map<string, Reservation>();
  const countsByWid = new Map<string, number>();
  let count = 0;
  let bytes = 0;

  function tally({ wid, text }: Reservation, change: 1 | -1): void {
    count += change;
    bytes += change * text.length;
    if (wid === undefined) return;
    const sum = (countsByWid.get(wid) ?? 0) + change;
    if (sum > 0) countsByWid.set(wid, sum);
    else countsByWid.delete(wid);
  }

  /** Takes out the reservations of a jid that `ends` selects, the oldest first. */
  function takeWhere(jid: string, ends: (reservation: Reservation) => boolean): Reservation[] {
    const copies = copiesFrom(latest.get(jid)).reverse();
    const ended = copies.filter(ends);
    if (ended.length === 0) return ended;
    latest.delete(jid);
    let older: Reservation | undefined;
    for (const one of copies.filter((other) => !ends(other))) {
      one.older = older;
      latest.set(jid, (older = one));
    }
    for (const one of ended) tally(one, -1);
    return ended;
  }

  return {
    add(reservation) {
      reservation.older = latest.get(reservation.jid);
      latest.set(reservation.jid, reservation);
      tally(reservation, 1);
      return reservation;
    },
    ofWorker: (jid, wid) => copyOf(wid, copiesFrom(latest.get(jid))),
    takeLatest(jid, wid) {
      const newest = latest.get(jid);
      // Most jids are pushed once, and have no other reservation.
      if (newest?.older === undefined) {
        if (newest && latest.delete(jid)) tally(newest, -1);
        return newest;
      }
      const ended = copyOf(wid, copiesFrom(newest)) ?? newest;
      takeWhere(jid, (one) => one === ended);
      return ended;
    },
    take: ({ jid, place }) => takeWhere(jid, (one) => one.place === place).length > 0,
    takeExpired: (nowMs) => [...latest.keys()].flatMap((jid) => takeWhere(jid, (one) => one.expiryMs <= nowMs)),
    find(isWanted) {
      const found = [...latest.values()].flatMap(copiesFrom).filter(isWanted);
      return found.sort((one, other) => one.place - other.place);
    },
    workers: () => countsByWid.keys(),
    count: () => count,
    bytes: () => bytes,
  };
}
