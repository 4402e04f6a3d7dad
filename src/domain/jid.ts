// Job ids: UUID version 7 (RFC 9562 section 5.7), ordered by creation time to the millisecond.
import { randomFillSync } from 'node:crypto';

/** The ids that this service accepts from outside. They may be other than UUIDs, because any client may have pushed the job. */
export const jidPattern = /^[A-Za-z0-9._-]{8,64}$/;

// One system call and one text serve many ids. An id has, after its time, 12 random bits, the variant with 2, and 60 more:
// `xxx-vxxx-xxxxxxxxxxxx`.
const idsPerFill = 400;
const tailChars = 21;
const digitsPerId = 19;
const variantPlace = 4;
const places = [0, 1, 2, variantPlace, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
const variants = Buffer.from('89ab');
const random = Buffer.alloc((idsPerFill * digitsPerId) / 2);
const text = Buffer.alloc(idsPerFill * tailChars, '-');
let tails = '';
let used = 0;
let stampMs = -1;
let stampText = '';

function fill(): void {
  const digits = Buffer.from(randomFillSync(random).toString('hex'), 'latin1');
  for (let id = 0; id < idsPerFill; id++) {
    const from = id * digitsPerId;
    const to = id * tailChars;
    for (let digit = 0; digit < digitsPerId; digit++)
      text[to + (places[digit] as number)] = digits[from + digit] as number;
    text[to + variantPlace] = variants[(digits[from + 3] as number) & 3] as number;
  }
  tails = text.toString('latin1');
  used = 0;
}

/** 48 bits of milliseconds since 1970, then 74 fresh random bits (12 + 62). */
export function createJid(nowMs: number = Date.now()): string {
  if (nowMs !== stampMs) {
    stampMs = nowMs;
    const time = nowMs.toString(16).padStart(12, '0');
    stampText = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  }
  if (used === tails.length) fill();
  used += tailChars;
  return stampText + tails.slice(used - tailChars, used);
}

/** Milliseconds since 1970 at which a version 7 id was made; undefined for any other id. */
export function jidTimeMs(jid: string): number | undefined {
  const match = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.exec(jid);
  return match ? Number.parseInt(`${match[1]}${match[2]}`, 16) : undefined;
}
