// HI and HELLO: contribsys/faktory v1.9.4, server/server.go. The hash is sha256 over password and salt, then again over
// its own raw 32 bytes, `i` times in all.
import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

export interface Challenge {
  /** The greeting. No space in its JSON: the Node client splits the line at the first one. */
  readonly hi: string;
  /** Resolves to whether HELLO has answered this challenge. */
  accepts(hello: Hello): Promise<boolean>;
}

export interface Hello {
  wid: string | undefined;
  pwdhash: string;
}

/** Faktory sets no length; a wid is kept for each connection. */
export const widBytesMax = 1000;

/** Hex of sha256. */
const hashLength = 64;
const rounds = { min: 4000, max: 8191 };
/** The rounds take some 8 ms in all: other connections are served in between. */
const roundsPerSlice = 500;

export async function hashPassword(password: string, salt: string, iterations: number): Promise<string> {
  let hash = createHash('sha256')
    .update(password + salt)
    .digest();
  for (let round = 1; round < iterations; round++) {
    if (round % roundsPerSlice === 0) await new Promise((resolve) => setImmediate(resolve));
    hash = createHash('sha256').update(hash).digest();
  }
  return hash.toString('hex');
}

export function createChallenge(password: string | undefined): Challenge {
  if (password === undefined) return { hi: '+HI {"v":2}\r\n', accepts: () => Promise.resolve(true) };
  const salt = randomBytes(16).toString('hex');
  const iterations = randomInt(rounds.min, rounds.max + 1);
  return {
    hi: `+HI {"v":2,"i":${iterations},"s":"${salt}"}\r\n`,
    async accepts({ pwdhash }) {
      const expected = Buffer.from(await hashPassword(password, salt, iterations));
      const given = Buffer.from(pwdhash);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Undefined when the line is no HELLO: the connection is then closed without a word, as Faktory does. */
export function parseHello(line: Buffer): Hello | undefined {
  const words = line.toString();
  if (!words.startsWith('HELLO {')) return undefined;
  try {
    const { wid, pwdhash } = JSON.parse(words.slice('HELLO '.length)) as Record<string, unknown>;
    const hash = text(pwdhash);
    return { wid: text(wid) || undefined, pwdhash: hash.length === hashLength ? hash : '' };
  } catch {
    return undefined;
  }
}
