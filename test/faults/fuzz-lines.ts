// A generator of what clients may send to the broker's port: valid commands, changed ones, and bytes of no protocol.
// Everything comes from the given randomness, so a seed gives the same bytes again.
import type { Random } from '../simulation/random.ts';
import { oddValues } from './fuzz-values.ts';

export interface FuzzLine {
  /** Without its end. */
  bytes: Buffer;
  /** What was done to it. */
  change: string;
}

export interface FuzzSession {
  number: number;
  /** Undefined: the first line is no HELLO, and nothing behind it may have an effect. */
  hello: Buffer | undefined;
  lines: FuzzLine[];
  /** Sent after the last line, without an end of its own. */
  tail: Buffer;
  end: 'half' | 'destroy';
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Never fetched by the fuzzer: what is acknowledged here must be here in the end. */
export const keptQueues = ['kept-0', 'kept-1', 'kept-2'];
/** Fetched from now and then. */
export const takenQueue = 'taken';

const fields = [
  'jid',
  'jobtype',
  'args',
  'queue',
  'retry',
  'reserve_for',
  'at',
  'created_at',
  'backtrace',
  'failure',
  'custom',
];
const oddTimes = [
  '"2100-01-01T00:00:00Z"',
  '"tomorrow"',
  '"9999999999-01-01T00:00:00Z"',
  '"1970-01-01T00:00:00Z"',
  '"2020-13-01T00:00:00Z"',
];
const oddNumbers = ['-1', '0', '1e18', '9223372036854775807', '9223372036854775808', '1e308', '1e999', '86401', '0.5'];
const oddQueues = [
  '""',
  '"a b"',
  '"../x"',
  '"é"',
  `"${'q'.repeat(200)}"`,
  `"${'q'.repeat(201)}"`,
  '"*"',
  '"kept-0\\n"',
  '"default"',
  '"working"',
];
const handshakes = [
  ...[
    '',
    ' ',
    '\r',
    'HELLO',
    'HELLO ',
    'HELLO {',
    'HELLO {}x',
    'HELLO []',
    'HELLO null',
    'HELLO  {"v":2}',
    'hello {"v":2}',
    'HELLO {"v":2',
    'QUIT',
  ],
  ...[
    'GET / HTTP/1.1\r\nHost: x\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    '\x00',
    '\xff\xfe\xfd',
    '*1\r\n$4\r\nINFO',
    'HELLO {"v":2}'.repeat(3),
  ],
  // Go's decoder takes each field in its own type only.
  ...['HELLO {"v":"x"}', 'HELLO {"v":2,"wid":7}', 'HELLO {"v":2,"wid":"w","labels":7}'],
  ...['PUSHB []', 'INFO', 'FLUSH', 'END', 'FETCH default', `HELLO ${'['.repeat(20_000)}`, 'x'.repeat(100_000)],
];
const hellos = [
  ...['{"v":2}', '{"v":1}', '{}', '{"v":2,"WID":"w","labels":null,"unknown":[7]}', '{"v":2,"pwdhash":"x"}'],
  ...[
    '{"v":2,"wid":"","beat":1e999}',
    '{"__proto__":{"wid":"x"},"v":2}',
    `{"v":2,"labels":["${'x'.repeat(5000)}"]}`,
    '{"v":2,"wid":"\\ud800\\u0000"}',
  ],
];
const others = [
  ...[
    '',
    ' ',
    '\t',
    '\r',
    '\x00',
    '\xff'.repeat(300),
    'HELLO {"v":2}',
    'push {}',
    'PUSHX {}',
    'PUSH',
    'PUSHB',
    'PUSH ',
    'PUSHB {}',
    'PUSHB null',
    'PUSHB 1',
  ],
  ...[
    'PUSH []',
    'PUSH null',
    'PUSH 1',
    'PUSHB [null]',
    'PUSHB [1]',
    'PUSHB []',
    'PUSHB  []',
    'FETCH',
    'FETCH  ',
    `FETCH ${'q '.repeat(1001)}`,
    'FETCHX',
  ],
  ...[
    'ACK',
    'ACK {}',
    'ACK {"jid":""}',
    'ACK {"jid":1}',
    'ACK {"jid":"no-such-job"}',
    'ACK []',
    'ACK {"jid":"\\u0000\\r\\n"}',
    `ACK {"jid":"${'x'.repeat(3000)}"}`,
  ],
  ...[
    'FAIL',
    'FAIL {}',
    'FAIL {"jid":"no-such-job"}',
    'FAIL {"jid":"no-such-job","backtrace":7,"message":[],"errtype":{}}',
    'FAIL null',
  ],
  ...[
    'BEAT',
    'BEAT {}',
    'BEAT {"wid":"nobody"}',
    'BEAT {"wid":1}',
    'BEAT []',
    'BEAT {"wid":"x","current_state":"\\n+OK\\r\\n"}',
    'INFO',
    'INFO x',
    'INFO\x00',
  ],
  ...[
    'QUEUE',
    'QUEUE PAUSE',
    'QUEUE PAUSE a b',
    'QUEUE PAUSE a/b',
    'QUEUE RESUME a',
    'QUEUE REMOVE a',
    'QUEUE LATENCY *',
    'QUEUE LATENCY kept-0',
    'QUEUE x y',
  ],
  ...[
    'MUTATE {"cmd":"kill","target":"retries"}',
    'TRACK GET x',
    'BATCH NEW {}',
    '+OK',
    '-ERR x',
    '$-1',
    '$5\r\nhello',
    '*1',
    'FLUSHX',
    'flush',
    'ENDX',
  ],
  ...[
    `${'x'.repeat(5000)} {}`,
    'PUSH\t{}',
    'PUSH{}',
    '\x1b[2Jverb',
    'verb\x07\x08',
    '\u0085',
    '__proto__ x',
    'constructor',
    'toString {}',
    'GET / HTTP/1.1',
  ],
];

function job(random: Random, prefix: string): Record<string, string> {
  const queue = random.chance(0.8) ? random.pick(keptQueues) : takenQueue;
  return {
    jid: `"${prefix}-${random.int(0, 0xffffffff).toString(36).padStart(7, '0')}"`,
    jobtype: '"fuzz"',
    args: '[1]',
    queue: `"${queue}"`,
  };
}

function spoilField(one: Record<string, string>, random: Random): void {
  const field = random.pick(fields);
  if (field === 'queue') one[field] = random.pick(oddQueues);
  else if (field === 'at') one[field] = random.pick(oddTimes);
  else if (field === 'retry' || field === 'reserve_for' || field === 'backtrace') one[field] = random.pick(oddNumbers);
  else one[field] = random.pick(oddValues);
}

const render = (one: Record<string, string>): string =>
  `{${Object.entries(one)
    .map(([name, value]) => `"${name}":${value}`)
    .join()}}`;

function spoilBytes(bytes: Buffer, random: Random): Buffer {
  const spoilt = Buffer.from(bytes);
  for (let count = random.int(1, 4); count > 0; count--) spoilt[random.int(0, spoilt.length - 1)] = random.int(0, 255);
  return spoilt;
}

function push(random: Random, prefix: string): FuzzLine {
  const jobs = Array.from({ length: random.chance(0.6) ? 1 : random.int(0, 12) }, () => job(random, prefix));
  const asOne = jobs.length === 1 && random.chance(0.7);
  let change = 'none';
  if (random.chance(0.4)) {
    change = 'field';
    for (const one of jobs) if (random.chance(0.6)) spoilField(one, random);
  }
  const text = jobs.map(render);
  const bytes = latin1(asOne ? `PUSH ${text[0]}` : `PUSHB [${text.join()}]`);
  const kind = random.next();
  if (kind < 0.1) return { bytes: spoilBytes(bytes, random), change: 'bytes' };
  if (kind < 0.15) return { bytes: bytes.subarray(0, random.int(0, bytes.length - 1)), change: 'cut' };
  if (kind < 0.18)
    return { bytes: Buffer.concat([bytes, latin1(random.pick([' ', 'x', ']', '}', '\x00', ',{}']))]), change: 'more' };
  return { bytes, change };
}

function line(random: Random, prefix: string): FuzzLine {
  const kind = random.next();
  if (kind < 0.6) return push(random, prefix);
  if (kind < 0.9) return { bytes: latin1(random.pick(others)), change: 'other' };
  if (kind < 0.95) {
    const value = random.pick(oddValues);
    const verb = random.pick(['PUSH', 'PUSHB', 'ACK', 'FAIL', 'BEAT', 'FETCH', 'QUEUE', 'INFO']);
    // A FETCH of a queue waits.
    return { bytes: latin1(verb === 'FETCH' ? `FETCHED ${value}` : `${verb} ${value}`), change: 'value' };
  }
  const noise = Buffer.from(Array.from({ length: random.int(1, 200) }, () => random.int(0, 255)));
  return { bytes: noise, change: 'noise' };
}

/** A line feed within makes two lines of one. */
const isOneLine = ({ bytes }: FuzzLine): boolean => !bytes.includes(0x0a);

/** What connection `number` sends. Jids are unique, and hold the seed's and the connection's numbers. */
export function createSession(random: Random, number: number, lineBytesMax: number): FuzzSession {
  const prefix = `f${number.toString(36)}`;
  if (random.chance(0.1)) {
    const stolen = { bytes: latin1(`PUSH ${render(job(random, prefix))}`), change: 'before HELLO' };
    return {
      number,
      hello: undefined,
      lines: [{ bytes: latin1(random.pick(handshakes)), change: 'no HELLO' }, stolen],
      tail: Buffer.alloc(0),
      end: 'half',
    };
  }
  const lines = Array.from({ length: random.int(1, 60) }, () => line(random, prefix)).filter(isOneLine);
  if (random.chance(0.3)) lines.push({ bytes: latin1(`FETCH ${takenQueue}`), change: 'fetch' });
  if (random.chance(0.2))
    lines.push(
      { bytes: latin1('END'), change: 'end' },
      { bytes: latin1(`PUSH ${render(job(random, prefix))}`), change: 'after END' },
    );
  const half = Buffer.from(`PUSH ${render(job(random, prefix))}`);
  const long = number % 1000 === 0 || (number % 50 === 7 && random.chance(0.1));
  return {
    number,
    hello: latin1(`HELLO ${random.pick(hellos)}`),
    lines: long ? [...lines, { bytes: Buffer.alloc(lineBytesMax + 1000, 'x'), change: 'long' }] : lines,
    tail: random.chance(0.3) ? half : Buffer.alloc(0),
    end: random.chance(0.1) ? 'destroy' : 'half',
  };
}
