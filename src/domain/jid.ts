// Job ids: UUID version 7 (RFC 9562 section 5.7), ordered by creation time to the millisecond.
import { randomFillSync } from 'node:crypto';

/** Every id that this service accepts from outside; wider than a UUID, because any client may have pushed the job. */
export const jidPattern = /^[A-Za-z0-9._-]{8,64}$/;

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

// One system call fills enough randomness for 409 ids.
const pool = Buffer.alloc(4090);
const randomBytesPerJid = 10;
let used = pool.length;
let stampMs = -1;
let stampText = '';

/** 48 bits of milliseconds since 1970, then 74 fresh random bits (12 + 62). */
export function createJid(nowMs: number = Date.now()): string {
  if (nowMs !== stampMs) {
    stampMs = nowMs;
    const time = nowMs.toString(16).padStart(12, '0');
    stampText = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  }
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += randomBytesPerJid;
  const byte = (offset: number): string => hex[pool[at + offset] as number] as string;
  const variant = hex[0x80 | ((pool[at + 2] as number) & 0x3f)] as string;
  return (
    stampText +
    byte(0).slice(1) +
    byte(1) +
    '-' +
    variant +
    byte(3) +
    '-' +
    byte(4) +
    byte(5) +
    byte(6) +
    byte(7) +
    byte(8) +
    byte(9)
  );
}

/** Milliseconds since 1970 at which a version 7 id was made; undefined for any other id. */
export function jidTimeMs(jid: string): number | undefined {
  const match = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.exec(jid);
  return match ? Number.parseInt(`${match[1]}${match[2]}`, 16) : undefined;
}
