// Job ids: UUID version 7 (RFC 9562 section 5.7), ordered by creation time to the millisecond.
import { randomFillSync } from 'node:crypto';

/** Every id that this service accepts from outside; wider than a UUID, because any client may have pushed the job. */
export const jidPattern = /^[A-Za-z0-9._-]{8,64}$/;

// One system call fills enough randomness for 409 ids, and is turned into text at once.
const pool = Buffer.alloc(4090);
const digitsPerJid = 20;
const variants = ['8', '9', 'a', 'b'];
let digits = '';
let used = 0;
let stampMs = -1;
let stampText = '';

/** 48 bits of milliseconds since 1970, then 74 fresh random bits (12 + 62). */
export function createJid(nowMs: number = Date.now()): string {
  if (nowMs !== stampMs) {
    stampMs = nowMs;
    const time = nowMs.toString(16).padStart(12, '0');
    stampText = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  }
  if (used === digits.length) {
    digits = randomFillSync(pool).toString('hex');
    used = 0;
  }
  const at = used;
  used += digitsPerJid;
  // 12 bits, then 2 of the variant's digit, then 60.
  const variant = variants[digits.charCodeAt(at + 3) & 3] as string;
  return `${stampText}${digits.slice(at, at + 3)}-${variant}${digits.slice(at + 4, at + 7)}-${digits.slice(at + 7, at + 19)}`;
}

/** Milliseconds since 1970 at which a version 7 id was made; undefined for any other id. */
export function jidTimeMs(jid: string): number | undefined {
  const match = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.exec(jid);
  return match ? Number.parseInt(`${match[1]}${match[2]}`, 16) : undefined;
}
