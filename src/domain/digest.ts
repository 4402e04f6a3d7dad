// SHA-256 of keys of all kinds. A hash object, and node:crypto's own Buffer, cost five times as much as a text.
import { hash } from 'node:crypto';

/** Of a text in UTF-8: 32 bytes. */
export const sha256 = (text: string): Buffer => Buffer.from(hash('sha256', text, 'binary'), 'binary');
