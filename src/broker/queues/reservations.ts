// Jobs that were handed out and are not acknowledged yet. They are in memory, because ACK and FAIL name them by jid, and on disk,
// so that a restart neither loses them nor hands them out twice before their time.
import { createReservationIndex, type Reservation } from './reservation-index.ts';
import { streamKey, placeOf, seal, unseal } from '../storage/records.ts';
import type { Ledger } from '../storage/ledger.ts';

interface ReservationHeader {
  jid: string;
  wid?: string | undefined;
  /** The worker is in the broker's process. */
  own?: true | undefined;
  expiryMs: number;
  /** The reservation has ended, its job is at the head of its queue again, and the record keeps the job. */
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
  /** Takes out a reservation of this jid: see `takeLatest` of ReservationIndex. */
  release(jid: string, wid: string | undefined): Reservation | undefined;
  /** Takes out this reservation. False: it has ended already. */
  remove(reservation: Reservation): boolean;
  /** Takes out this reservation. Its record stays, with this text, for the head of its queue. Undefined: it has ended already. */
  requeue(reservation: Reservation, text: string): Reservation | undefined;
  /** Called when the record of a requeued job is no longer needed. */
  dropReturned(place: number): void;
  /** See ReservationIndex. */
  ofWorker(jid: string, wid: string | undefined): Reservation | undefined;
  /** The reservations of these workers, in the order in which the jobs were handed out. */
  ofWorkers(wids: ReadonlySet<string>): Reservation[];
  /** The wids that have reservations. */
  workers(): Iterable<string>;
  /** The wids of workers in an earlier process of the broker, which ended while they had jobs. */
  readonly formerWids: ReadonlySet<string>;
  /** Takes out the reservations whose time is up. */
  takeExpired(nowMs: number): Reservation[];
  /** Called for each record that recovery finds. */
  restore(key: Buffer, value: Buffer): void;
  count(): number;
  /** The number of records on disk, those of requeued jobs included. */
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
  /** Called with the requeued jobs that recovery finds, in the order of their places. */
  onReturned: (reservation: Reservation) => void;
}

export function createReservations(options: ReservationsOptions): Reservations {
  const { stream, ledger, nextSequence, ownWids, onReturned } = options;
  const index = createReservationIndex();
  const formerWids = new Set<string>();
  let returned = 0;

  function write(place: number, header: ReservationHeader, text: string): void {
    const key = streamKey(stream, place);
    ledger.put(key, seal(key, Buffer.from(JSON.stringify(header)), newline, Buffer.from(text)));
  }

  const drop = (place: number): void => ledger.del(streamKey(stream, place));

  return {
    stream,
    add({ jid, wid, expiryMs, text }) {
      const place = nextSequence();
      const isOwn = wid !== undefined && ownWids.includes(wid);
      write(place, { jid, wid, own: isOwn || undefined, expiryMs }, text);
      return index.add({ jid, wid, place, expiryMs, text, older: undefined });
    },
    release(jid, wid) {
      const ended = index.takeLatest(jid, wid);
      if (ended) drop(ended.place);
      return ended;
    },
    remove(reservation) {
      const isTaken = index.take(reservation);
      if (isTaken) drop(reservation.place);
      return isTaken;
    },
    requeue(reservation, text) {
      const { jid, wid, place, expiryMs } = reservation;
      if (!index.take(reservation)) return undefined;
      // An older version of the program reads the record as a reservation, which expires. So a downgrade loses no job.
      write(place, { jid, wid, expiryMs, returned: true }, text);
      returned++;
      return { ...reservation, text, older: undefined };
    },
    dropReturned(place) {
      returned--;
      drop(place);
    },
    ofWorker: index.ofWorker,
    ofWorkers: (wids) => index.find(({ wid }) => wid !== undefined && wids.has(wid)),
    workers: index.workers,
    formerWids,
    takeExpired(nowMs) {
      const ended = index.takeExpired(nowMs);
      for (const { place } of ended) drop(place);
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
      } else index.add(reservation);
    },
    count: index.count,
    records: () => index.count() + returned,
    bytes: index.bytes,
  };
}
