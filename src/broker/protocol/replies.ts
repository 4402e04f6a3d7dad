// Replies of FWP, the subset of RESP that contribsys/faktory v1.9.4 uses. They always end in CRLF, because the Go and Rust
// clients cut two bytes.

export const ok = '+OK\r\n';
export const nil = '$-1\r\n';

/** An error of FWP. Control characters become spaces: a line break would begin the next reply, others would spoil a terminal. */
export const error = (text: string): string => `-ERR ${text.replace(/\p{Cc}+/gu, ' ')}\r\n`;

/** The length counts bytes, not characters. */
export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
