// Jobs of the explicit form for the simulation and for cuts: a passed-through jobtype with every option, a time, and
// arguments that are plain, not ASCII, large, or large and compressed. They are read as the HTTP side reads them.
import assert from 'node:assert/strict';
import { createJid } from '../../src/domain/jid.ts';
import { createJobWith, type Job } from '../../src/domain/job.ts';
import { compressArgs, encodedArgsMark } from '../../src/domain/large-args.ts';
import { createEntryReader } from '../../src/http/entries/entry.ts';
import { entryOptions } from './jobs.ts';

export interface ExplicitJobOptions {
  /** About so many bytes of JSON for the arguments. */
  argsBytes?: number;
  isCompressed?: boolean;
  /** RFC 3339. */
  at?: string;
  queue?: string;
  retry?: number;
}

const jobtype = 'Ruby::Größe';
const readEntry = createEntryReader({ ...entryOptions, passthroughJobtypes: [jobtype] });
/** In part not ASCII; together they compress, though not to nothing. */
const word = (index: number): string => `ü${String((index * 7919) % 1000).padStart(3, '0')}€`;
/** Of a word with its quotes and comma. */
const wordBytes = Buffer.byteLength(word(0)) + 3;

const argsOf = (bytes: number): unknown[] => [
  {
    words: Array.from({ length: Math.ceil(bytes / wordBytes) }, (_, index) => word(index)),
    quote: '"\\\n\u2028',
    no: null,
  },
  -1.5e-7,
];

export function createExplicitJob(options: ExplicitJobOptions = {}, jid: string = createJid()): Job {
  const { argsBytes = 40, isCompressed = false, at, queue = 'mails', retry = 0 } = options;
  const custom = { tenant: ['ä 😀', 7] };
  const entry = { jobtype, args: argsOf(argsBytes), queue, retry, reserve_for: 3600, custom, request_id: 'grüße', at };
  const order = readEntry(entry, 0);
  assert.ok('args' in order, JSON.stringify(order));
  const compressed = isCompressed ? compressArgs(order.args) : undefined;
  assert.equal(compressed !== undefined, isCompressed, 'the arguments are too small to be compressed');
  const own = { ...order.options, custom: { ...custom, ...(isCompressed && encodedArgsMark) } };
  const fields = { name: 'other', jobtype, queue, retry, reserveForSeconds: 1800 };
  return createJobWith(fields, compressed ?? order.args, own, undefined, jid);
}
