// The record of a key in Redis: a state, the fingerprint and the owner at fixed places, then the response.
import { bytesOf } from '../domain/digest.ts';
import type { Claim, KeptResponse, Settlement, Verdict } from '../domain/keys.ts';
import type { withdrawn } from './scripts.ts';
import { fingerprintChars, headChars } from './scripts.ts';

const fingerprintOf = ({ fingerprint }: Claim): string => bytesOf(fingerprint).toString('base64url');
export const ownerOf = ({ jids: [first = ''] }: Claim): string => first;

/** A script returns a word, or a record and how long it is still kept. */
export type Found = [text: string, leftMs?: number];

export type Told = Omit<Settlement, 'outcome'> & { readonly outcome: Settlement['outcome'] | typeof withdrawn };

export const states = { open: 'o', done: 'd', unknown: 'u', refused: 'x', withdrawn: 'w' } as const;

/** A record has its head, the status, the jids, how long it is kept, and the body behind a line feed. */
export function recordOf(
  state: (typeof states)[keyof typeof states],
  claim: Claim,
  ttlMs: number,
  { status, body } = claim.response,
  jids = claim.jids,
): (string | number)[] {
  const { lockMs: keptMs = ttlMs } = claim;
  return [keptMs, `${state}${fingerprintOf(claim)}${ownerOf(claim)}${status} ${jids.join(',')} ${keptMs}\n${body}`];
}

interface Read {
  state: string;
  fingerprint: string;
  jids: string[];
  keptMs: number;
  response: KeptResponse;
}

function readRecord(record: string): Read {
  const end = record.indexOf('\n');
  const [status, jids = '', keptMs] = record.slice(headChars, end).split(' ');
  return {
    state: record.slice(0, 1),
    fingerprint: record.slice(1, 1 + fingerprintChars),
    jids: jids.split(','),
    keptMs: Number(keptMs),
    response: { status: Number(status), body: record.slice(end + 1) },
  };
}

/** Without an owner the script stores nothing, and returns the record. */
export const lookUpRecord = (claim: Claim): (string | number)[] => [0, `${states.open}${fingerprintOf(claim)}`];

/** @param underWayMsMax a claim that is older does not count as under way */
export function verdictOf(claim: Claim, [text, leftMs = 0]: Found, underWayMsMax: number): Verdict {
  if (text === 'claimed' || text === 'absent') return { state: text };
  const { state, fingerprint, jids, keptMs, response } = readRecord(text);
  if (fingerprint !== fingerprintOf(claim)) return { state: 'reused' };
  if (state === states.done) return { state: 'done', response };
  const isUnderWay = state !== states.unknown && keptMs - leftMs < underWayMsMax;
  return isUnderWay ? { state: 'in_progress', jids } : { state: 'unknown', jids, response };
}
