// SHA-256 of keys of all kinds. It is a text, because a hash object and a Buffer of node:crypto cost five times as much.
import { hash } from 'node:crypto';

/** SHA-256 as a text of 32 characters, one for each byte. It is compared, and looked up in a map, without a copy. */
export type Digest = string;

/** The digest of a text in UTF-8. */
export const digestOf = (text: string): Digest => hash('sha256', text, 'binary');

/** The 32 bytes of a digest. */
export const bytesOf = (digest: Digest): Buffer => Buffer.from(digest, 'latin1');
