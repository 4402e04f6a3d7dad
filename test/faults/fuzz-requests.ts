// A generator of HTTP requests for this service: valid ones, each changed in none to three ways. Everything comes from the
// given randomness, so a seed gives the same bytes again.
import type { Random } from '../simulation/random.ts';
import * as odd from './fuzz-values.ts';

export interface FuzzRequest {
  bytes: Buffer;
  method: string;
  /** Its end can be told, so it is owed a response; and so are those behind it, until a response says that it is the last. */
  isClean: boolean;
  /** What was done to it. */
  changes: readonly string[];
}

interface Draft {
  method: string;
  target: string;
  version: string;
  fields: (readonly [name: string, value: string])[];
  /** Undefined: no body, and no word of one. */
  body: Buffer | undefined;
  chunked: boolean;
  isClean: boolean;
}

type Change = (draft: Draft, random: Random) => void;

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const operations = ['add', 'subtract', 'multiply', 'divide'];
const pages = ['/health', '/ready', '/nothing', '/', '/docs', '/docs/static/index.html', '/docs/json'];
const costlyPages = ['/metrics', '/openapi.json', '/docs/static/swagger-ui.css'];
const ids = [
  ...[
    '0190a5b0-0000-7000-8000-000000000000',
    'abcdefgh',
    'a'.repeat(64),
    'a'.repeat(65),
    'a'.repeat(3000),
    'short',
    'batch',
    'add',
  ],
  ...[
    '%00aaaaaaa',
    '%0d%0aaaaaaa',
    'a%2Fb%2Fcccc',
    'aaaaaaa%zz',
    '%e2%82',
    '..',
    '../../etc/passwd',
    '__proto__',
    'constructor',
    '%',
    '*',
  ],
];
const queries = [
  ...[
    '',
    '?',
    '?wait',
    '?wait=',
    '?wait=0',
    '?wait=0.001',
    '?wait=.5',
    '?wait=-1',
    '?wait=31',
    '?wait=1e1',
    '?wait=0x1',
    '?wait=00',
    '?wait=NaN',
  ],
  ...[
    '?wait=0&wait=1',
    '?wait[]=1',
    '?wait[a]=1',
    '?wait=%00',
    '?wait=%zz',
    '?wait=%f0',
    '?__proto__=1',
    '?constructor[prototype]=1',
    '?=',
    '?&&&',
  ],
  ...[
    '?wait=0#x',
    '?wait=0?wait=0',
    `?wait=${'1'.repeat(3000)}`,
    `?${'a&'.repeat(2000)}`,
    `?${'wait=0&'.repeat(500)}`,
    '?wait=0;x=1',
  ],
];

const operand = (random: Random): string =>
  random.chance(0.05) ? random.pick(odd.oddValues) : String(random.int(-99, 99));
const requestId = (random: Random): string =>
  random.chance(0.7) ? '' : `,"request_id":${random.chance(0.5) ? '"r-1"' : random.pick(odd.oddValues)}`;

function entry(random: Random): string {
  const operation = random.chance(0.9) ? `"${random.pick(operations)}"` : random.pick(odd.oddOperations);
  return `{"operation":${operation},"a":${operand(random)},"b":${operand(random)}${requestId(random)}}`;
}

/** Some are good: none to three options, most of them odd. */
function explicitEntry(random: Random): string {
  const more = Array.from({ length: random.int(0, 3) }, () => `,${random.pick(odd.oddOptions)}`).join('');
  const name = random.chance(0.9) ? `"operation":"${random.pick(operations)}"` : '"jobtype":"math_add"';
  return `{${name},"args":{"a":${operand(random)},"b":${operand(random)}}${requestId(random)}${more}}`;
}

/** Around 64 KiB, the limit of one job. */
const largeEntry = (random: Random): string =>
  `{"operation":"add","args":{"a":1,"b":2,"c":"${'x'.repeat(random.pick([60_000, 65_490, 65_500, 66_000]))}"}}`;

const anyEntry = (random: Random): string => (random.chance(0.3) ? explicitEntry(random) : entry(random));

function batchBody(random: Random): string {
  if (random.chance(0.02)) return `{"jobs":[${Array.from({ length: random.int(900, 1100) }, () => '{}').join()}]}`;
  return `{"jobs":[${Array.from({ length: random.int(0, 12) }, () => anyEntry(random)).join()}]}`;
}

function createDraft(random: Random): Draft {
  const draft: Draft = {
    method: 'POST',
    target: `/jobs/${random.pick(operations)}`,
    version: 'HTTP/1.1',
    fields: [['Host', 'x']],
    body: undefined,
    chunked: false,
    isClean: true,
  };
  const kind = random.next();
  if (kind < 0.55) draft.body = latin1(`{"a":${operand(random)},"b":${operand(random)}${requestId(random)}}`);
  else if (kind < 0.62) {
    draft.target = '/jobs';
    draft.body = latin1(random.chance(0.03) ? largeEntry(random) : anyEntry(random));
  } else if (kind < 0.7) {
    draft.target = '/jobs/batch';
    draft.body = latin1(batchBody(random));
  } else {
    draft.method = random.chance(0.9) ? 'GET' : 'HEAD';
    if (kind < 0.88) draft.target = `/jobs/${random.pick(ids)}${random.pick(queries)}`;
    else draft.target = random.pick(kind < 0.995 ? pages : costlyPages);
  }
  if (draft.body !== undefined) draft.fields.push(['Content-Type', 'application/json']);
  return draft;
}

const without = (draft: Draft, name: string): void => {
  draft.fields = draft.fields.filter(([one]) => one.toLowerCase() !== name);
};

function spoilBytes(draft: Draft, random: Random): void {
  const body = Buffer.from(draft.body ?? '{"a":1,"b":2}');
  const at = random.int(0, Math.max(0, body.length - 1));
  const noise = latin1(
    Array.from({ length: random.int(1, 4) }, () => String.fromCharCode(random.int(0, 255))).join(''),
  );
  const skip = random.int(0, 3);
  draft.body = Buffer.concat([body.subarray(0, at), noise, body.subarray(at + skip)]);
}

/** Changes after which the end of the request can be found. */
const cleanChanges: Readonly<Record<string, Change>> = {
  'another method': (draft, random) => {
    draft.method = random.pick([
      'GET',
      'HEAD',
      'PUT',
      'DELETE',
      'PATCH',
      'OPTIONS',
      'TRACE',
      'PROPFIND',
      'PURGE',
      'LINK',
      'M-SEARCH',
    ]);
  },
  'another path': (draft, random) => {
    const { target } = draft;
    draft.target = random.pick([
      ...[
        `${target}/`,
        `/${target}`,
        target.toUpperCase(),
        `${target}%20`,
        `${target}%00`,
        `${target}%`,
        `/.${target}`,
        `${target}/..`,
      ],
      ...[
        `${target}?a=b`,
        `${target}#x`,
        `${target};x=y`,
        `http://x${target}`,
        `${target}${'/x'.repeat(500)}`,
        '*',
        `${target}\\`,
        '/%2e%2e/',
      ],
      ...[
        '/jobs',
        '/jobs/',
        '/jobs//add',
        '/jobs/%61dd',
        '/jobs/add/add',
        `/${'%41'.repeat(1000)}`,
        '/docs/static/..%2f..%2fpackage.json',
        '/docs/../jobs/add',
      ],
    ]);
  },
  'another query': (draft, random) => {
    draft.target += random.pick(queries);
  },
  'another version': (draft) => {
    draft.version = 'HTTP/1.0';
  },
  'no Host': (draft) => without(draft, 'host'),
  'two Hosts': (draft, random) => {
    draft.fields.push([random.pick(['Host', 'HOST', 'host']), random.pick(['x', 'y', ''])]);
  },
  'odd Host': (draft, random) => {
    without(draft, 'host');
    draft.fields.unshift([
      'Host',
      random.pick(['', ' ', '\xff', 'a b', 'x'.repeat(3000), '[::1', 'x:99999', '@', '../..']),
    ]);
  },
  'odd fields': (draft, random) => {
    for (let count = random.int(1, 5); count > 0; count--) draft.fields.push(random.pick(odd.oddFields));
  },
  'many fields': (draft, random) => {
    for (let count = random.pick([20, 62, 63, 64, 65, 100, 300]); count > 0; count--) draft.fields.push(['X', 'y']);
  },
  'no type': (draft) => without(draft, 'content-type'),
  'another type': (draft, random) => {
    without(draft, 'content-type');
    draft.fields.push(['Content-Type', random.pick(odd.oddTypes)]);
  },
  'two types': (draft, random) => {
    draft.fields.push(['Content-Type', random.pick(odd.oddTypes)]);
  },
  'an encoding': (draft, random) => {
    const { name, encode } = random.pick(odd.encodings);
    draft.fields.push(['Content-Encoding', name]);
    draft.body = encode(draft.body ?? Buffer.alloc(0));
  },
  'another body': (draft, random) => {
    draft.body = latin1(random.pick(odd.oddBodies));
  },
  'spoilt bytes': spoilBytes,
  'random bytes': (draft, random) => {
    draft.body = Buffer.from(Array.from({ length: random.int(0, 300) }, () => random.int(0, 255)));
  },
  'a large body': (draft, random) => {
    const text = random.pick([' ', '[', '{"":', '"\\u0000', '1,', '\xff', '\\']);
    draft.body = latin1(text.repeat(random.int(3000, 6000)));
  },
  'many keys': (draft, random) => {
    const keys = Array.from({ length: random.int(50, 700) }, (_, index) => `"k${index}":${index}`);
    draft.body = latin1(`{"a":1,"b":2,${keys.join()}}`);
  },
  'no body': (draft) => {
    draft.body = Buffer.alloc(0);
  },
  chunks: (draft) => {
    draft.body ??= Buffer.alloc(0);
    draft.chunked = true;
  },
  'empty lines before': (draft) => {
    draft.method = `\r\n${draft.method}`;
  },
};

/** Changes after which a server cannot find the end of the request, or must not respond to later bytes. */
const brokenChanges: Readonly<Record<string, (bytes: Buffer, random: Random) => Buffer>> = {
  'a broken line': (bytes, random) => {
    const at = bytes.indexOf('\r\n', 2) + 2;
    return Buffer.concat([bytes.subarray(0, at), latin1(`${random.pick(odd.brokenLines)}\r\n`), bytes.subarray(at)]);
  },
  'broken chunks': (bytes, random) => {
    const end = bytes.indexOf('\r\n\r\n', 2);
    const head = bytes.toString('latin1', 0, end).replace(/\r\ncontent-length: \d+/i, '');
    const chunked = head.includes('Transfer-Encoding') ? head : `${head}\r\nTransfer-Encoding: chunked`;
    return latin1(`${chunked}\r\n\r\n${random.pick(odd.brokenChunks)}`);
  },
  'cut off': (bytes, random) => bytes.subarray(0, random.int(1, bytes.length - 1)),
  'spoilt head': (bytes, random) => {
    const spoilt = Buffer.from(bytes);
    const end = bytes.indexOf('\r\n\r\n', 2);
    for (let count = random.int(1, 3); count > 0; count--) spoilt[random.int(0, end)] = random.int(0, 255);
    return spoilt;
  },
  'line feeds': (bytes) => latin1(bytes.toString('latin1').replaceAll('\r\n', '\n')),
  'no request': (_bytes, random) => latin1(random.pick(odd.noRequests)),
  'more behind': (bytes, random) => Buffer.concat([bytes, latin1(random.pick(odd.noRequests))]),
};

/** After these the connection ends, or the response takes long: less often, so that many requests fit a connection and a second. */
const rareNames = ['no Host', 'two Hosts', 'another version', 'many fields', 'an encoding', 'a large body'];
const commonNames = Object.keys(cleanChanges).filter((name) => !rareNames.includes(name));
const brokenNames = Object.keys(brokenChanges);

function renderBody({ body, chunked }: Draft, random: Random): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (!chunked) return body;
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const size = Math.min(body.length - at, random.pick([1, 7, 100, 5000]));
    const extension = random.pick(['', '', ';a', ';a=b;c="d"']);
    const zeros = random.pick(['', '', '000']);
    pieces.push(latin1(`${zeros}${size.toString(16)}${extension}\r\n`), body.subarray(at, at + size), latin1('\r\n'));
    at += size;
  }
  pieces.push(latin1(random.pick(['0\r\n\r\n', '000\r\n\r\n', '0;x\r\n\r\n', '0\r\nX-Trailer: y\r\n\r\n'])));
  return Buffer.concat(pieces);
}

function render(draft: Draft, random: Random): Buffer {
  const fields = [...draft.fields];
  if (draft.body !== undefined) {
    const framing = draft.chunked
      ? (['Transfer-Encoding', 'chunked'] as const)
      : (['Content-Length', String(draft.body.length)] as const);
    fields.splice(random.int(0, fields.length), 0, framing);
  }
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  const head = latin1(`${draft.method} ${draft.target} ${draft.version}\r\n${lines.join('')}\r\n`);
  return Buffer.concat([head, renderBody(draft, random)]);
}

export function createRequest(random: Random): FuzzRequest {
  const draft = createDraft(random);
  const changes: string[] = [];
  for (let count = random.pick([0, 1, 1, 1, 2, 3]); count > 0; count--) {
    const name = random.pick(random.chance(0.05) ? rareNames : commonNames);
    (cleanChanges[name] as Change)(draft, random);
    changes.push(name);
  }
  const bytes = render(draft, random);
  const method = draft.method.trim();
  // The response to a HEAD that is none cannot be told from one without a body.
  if (method === 'HEAD' || !random.chance(0.03)) {
    const isClean = isCleanHead(bytes);
    return method === 'HEAD' && !isClean ? createRequest(random) : { bytes, method, isClean, changes };
  }
  const name = random.pick(brokenNames);
  const spoilt = (brokenChanges[name] as (typeof brokenChanges)[string])(bytes, random);
  return { bytes: spoilt, method, isClean: false, changes: [...changes, name] };
}

/** Node takes no more than 8 KiB of head, and answers nobody behind a larger one. */
const isCleanHead = (bytes: Buffer): boolean => bytes.indexOf('\r\n\r\n', 2) < 8000;
