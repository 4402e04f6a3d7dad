// Jobs that were handed out and are not acknowledged yet. They are in memory, because ACK and FAIL name them by jid,
// and on disk, so that a restart neither loses them nor hands them out twice before their time.
import { streamKey, placeOf, seal, unseal } from '../storage/records.ts';
import type { Ledger } from '../storage/ledger.ts';

export interface Reservation {
  readonly jid: string;
  /** Of the worker that has it; undefined for a client that gave none. */
  readonly wid: string | undefined;
  readonly place: number;
  readonly expiryMs: number;
  /** The job's JSON as it was handed out. */
  readonly text: string;
  /** Another reservation of the same jid: clients may push one twice, and each copy ends on its own. */
  older: Reservation | undefined;
}

interface ReservationHeader {
  jid: string;
  wid?: string | undefined;
  /** The worker is in the broker's process. */
  own?: true | undefined;
  expiryMs: number;
  /** It has ended, and its job is at the head of its queue again: the record is where the job is kept. */
  returned?: true;
}

interface NewReservation {
  jid: string;
  wid: string | undefined;
  expiryMs: number;
  text: string;
}

export interface Reservations {
  readonly stream: number;
  add(fields: NewReservation): Reservation;
  /** Takes out the latest reservation of this jid. */
  release(jid: string): Reservation | undefined;
  /** Takes out this one; false when it has ended already. */
  remove(reservation: Reservation): boolean;
  /** Takes out this one, and keeps its record, with this text, for the head of the job's queue; undefined when it has ended already. */
  requeue(reservation: Reservation, text: string): Reservation | undefined;
  /** The record of one that was given back is no longer needed. */
  dropReturned(place: number): void;
  /** The latest of this jid. */
  latest(jid: string): Reservation | undefined;
  /** All of these workers, in the order in which they were handed out. */
  ofWorkers(wids: ReadonlySet<string>): Reservation[];
  /** The wids that have any. */
  workers(): Iterable<string>;
  /** Of the workers in the broker's process, as recovery found them: they had jobs when a process ended. */
  readonly formerWids: ReadonlySet<string>;
  /** Takes out all whose time is up. */
  takeExpired(nowMs: number): Reservation[];
  /** Brings back what recovery found. */
  restore(key: Buffer, value: Buffer): void;
  count(): number;
  /** Records on disk, with those of requeued jobs. */
  records(): number;
  bytes(): number;
}

const newline = Buffer.from('\n');

interface ReservationsOptions {
  stream: number;
  ledger: Ledger;
  nextSequence: () => number;
  /** The wids of the workers in the broker's process. */
  ownWids: readonly string[];
  /** Told, in the order of their places, of jobs that recovery finds given back. */
  onReturned: (reservation: Reservation) => void;
}

export function createReservations(options: ReservationsOptions): Reservations {
  const { stream, ledger, nextSequence, ownWids, onReturned } = options;
  const latest = new Map<string, Reservation>();
  const formerWids = new Set<string>();
  /** How many each worker has. */
  const countsByWid = new Map<string, number>();
  let count = 0;
  let bytes = 0;
  let returned = 0;

  function countForWid(wid: string | undefined, change: 1 | -1): void {
    if (wid === undefined) return;
    const sum = (countsByWid.get(wid) ?? 0) + change;
    if (sum > 0) countsByWid.set(wid, sum);
    else countsByWid.delete(wid);
  }

  function keep(reservation: Reservation): Reservation {
    reservation.older = latest.get(reservation.jid);
    latest.set(reservation.jid, reservation);
    count++;
    bytes += reservation.text.length;
    countForWid(reservation.wid, 1);
    return reservation;
  }

  function write(place: number, header: ReservationHeader, text: string): void {
    const key = streamKey(stream, place);
    ledger.put(key, seal(key, Buffer.from(JSON.stringify(header)), newline, Buffer.from(text)));
  }

  function forget(reservation: Reservation): void {
    count--;
    bytes -= reservation.text.length;
    countForWid(reservation.wid, -1);
  }

  function end(reservation: Reservation): void {
    forget(reservation);
    ledger.del(streamKey(stream, reservation.place));
  }

  /** Takes out the reservations of one jid that `ends` selects. */
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
    return ended;
  }

  /** In the order of their places. */
  function find(isWanted: (reservation: Reservation) => boolean): Reservation[] {
    const found: Reservation[] = [];
    for (const newest of latest.values()) {
      for (let one: Reservation | undefined = newest; one; one = one.older) if (isWanted(one)) found.push(one);
    }
    return found.sort((one, other) => one.place - other.place);
  }

  return {
    stream,
    add({ jid, wid, expiryMs, text }) {
      const place = nextSequence();
      const isOwn = wid !== undefined && ownWids.includes(wid);
      write(place, { jid, wid, own: isOwn || undefined, expiryMs }, text);
      return keep({ jid, wid, place, expiryMs, text, older: undefined });
    },
    release(jid) {
      const reservation = latest.get(jid);
      if (!reservation) return undefined;
      if (reservation.older) latest.set(jid, reservation.older);
      else latest.delete(jid);
      end(reservation);
      return reservation;
    },
    remove({ jid, place }) {
      const [ended] = removeWhere(jid, (one) => one.place === place);
      if (ended) end(ended);
      return ended !== undefined;
    },
    requeue(reservation, text) {
      const { jid, wid, place, expiryMs } = reservation;
      const [ended] = removeWhere(jid, (one) => one.place === place);
      if (!ended) return undefined;
      forget(ended);
      // An older program takes the record for a reservation, which expires: nothing is lost on a way back.
      write(place, { jid, wid, expiryMs, returned: true }, text);
      returned++;
      return { ...reservation, text, older: undefined };
    },
    dropReturned(place) {
      returned--;
      ledger.del(streamKey(stream, place));
    },
    latest: (jid) => latest.get(jid),
    ofWorkers: (wids) => find(({ wid }) => wid !== undefined && wids.has(wid)),
    workers: () => countsByWid.keys(),
    formerWids,
    takeExpired(nowMs) {
      const ended = [...latest.keys()].flatMap((jid) => removeWhere(jid, (one) => one.expiryMs <= nowMs));
      ended.forEach(end);
      return ended;
    },
    restore(key, value) {
      const body = unseal(key, value);
      const headerEnd = body.indexOf(newline);
      const header = JSON.parse(body.toString('utf8', 0, headerEnd)) as ReservationHeader;
      const { jid, wid, expiryMs } = header;
      if (header.own && wid !== undefined) formerWids.add(wid);
      const text = body.toString('utf8', headerEnd + 1);
      const reservation: Reservation = { jid, wid, place: placeOf(key), expiryMs, text, older: undefined };
      if (header.returned) {
        returned++;
        onReturned(reservation);
      } else keep(reservation);
    },
    count: () => count,
    records: () => count + returned,
    bytes: () => bytes,
  };
}
