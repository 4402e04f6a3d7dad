// SHA-256 of keys of all kinds. A hash object, and node:crypto's own Buffer, cost five times as much as a text.
import { hash } from 'node:crypto';

/** SHA-256 as a text of 32 characters, one for each byte: it is compared, and found in a map, without a copy. */
export type Digest = string;

/** Of a text in UTF-8. */
export const digestOf = (text: string): Digest => hash('sha256', text, 'binary');

/** 32 bytes. */
export const bytesOf = (digest: Digest): Buffer => Buffer.from(digest, 'latin1');
