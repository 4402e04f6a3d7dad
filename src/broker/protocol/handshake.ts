// HI and HELLO: contribsys/faktory v1.9.4, server/server.go. The hash is sha256 over password and salt, then again over
// its own raw 32 bytes, `i` times in all.
import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { goStruct, parseGo } from './go-json.ts';

export interface Challenge {
  /** The greeting. Its JSON has no space, because the Node client splits the line at the first space. */
  readonly hi: string;
  /** Resolves to whether HELLO has the right hash. */
  accepts(hello: Hello): Promise<boolean>;
}

export interface Hello {
  version: number;
  wid: string | undefined;
  hostname: string | undefined;
  pid: number | undefined;
  pwdhash: string;
}

/** Faktory sets no length. The wid is kept for each connection. */
export const widBytesMax = 1000;

/** The most characters that are kept of a name, which is only shown. */
const hostnameMax = 100;

/** The length of a sha256 in hex. */
const hashLength = 64;
/** Faktory's own numbers (server/server.go). Many rounds make it slow to guess a password. */
const createRounds = (): number => randomInt(4000, 8192);
/** All rounds take some 8 ms, so other connections are served in between. */
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

/** @param rounds how often the password is hashed */
export function createChallenge(password: string | undefined, rounds = createRounds()): Challenge {
  if (password === undefined) return { hi: '+HI {"v":2}\r\n', accepts: () => Promise.resolve(true) };
  const salt = randomBytes(16).toString('hex');
  return {
    hi: `+HI {"v":2,"i":${rounds},"s":"${salt}"}\r\n`,
    async accepts({ version, pwdhash }) {
      // Clients of version 1 hash once (server.go), and some name no version.
      const expected = Buffer.from(await hashPassword(password, salt, version < 2 ? 1 : rounds));
      const given = Buffer.from(pwdhash);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}

const helloStruct = goStruct('ClientData', {
  v: ['uint8', 'uint8'],
  wid: ['string', 'string'],
  pwdhash: ['string', 'string'],
  hostname: ['string', 'string'],
  username: ['string', 'string'],
  labels: ['strings', '[]string'],
  pid: ['integer', 'int'],
  rss_kb: ['integer', 'int64'],
});

interface HelloFields {
  v?: number | null;
  wid?: string | null;
  pwdhash?: string | null;
  hostname?: string | null;
  pid?: number | null;
}

/** Undefined when the line is no HELLO: the connection is then closed without a word, as Faktory does. */
export function parseHello(line: Buffer): Hello | undefined {
  const words = line.toString();
  if (!words.startsWith('HELLO {')) return undefined;
  try {
    const { v, wid, pwdhash, hostname, pid }: HelloFields = parseGo(words.slice('HELLO '.length), helloStruct);
    return {
      version: v ?? 0,
      wid: wid || undefined,
      pwdhash: pwdhash?.length === hashLength ? pwdhash : '',
      hostname: hostname?.slice(0, hostnameMax),
      pid: pid ?? undefined,
    };
  } catch {
    return undefined;
  }
}
