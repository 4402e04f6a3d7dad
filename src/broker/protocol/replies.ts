// Replies of FWP, the RESP subset of contribsys/faktory v1.9.4. Always CRLF: the Go and Rust clients cut two bytes.

export const ok = '+OK\r\n';
export const nil = '$-1\r\n';

/** One line, whatever the text holds: a line break inside would be read as the next reply, others spoil a terminal. */
export const error = (text: string): string => `-ERR ${text.replace(/\p{Cc}+/gu, ' ')}\r\n`;

/** The length counts bytes, not characters. */
export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
