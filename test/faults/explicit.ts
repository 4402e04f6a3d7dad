// Explicit jobs of the callers: a jobtype that is passed through, with options, some with a time and some with large
// arguments that are not ASCII. What they have besides two numbers is compared by its digest.
import { createHash } from 'node:crypto';

/** Of the API that is to take them. */
export const explicitEnv = { PASSTHROUGH_JOBTYPES: 'explicit.*' };
/** No worker here fetches from it. */
export const explicitQueue = 'explicit';

export interface More {
  text: string;
  retry: number;
  reserve_for: number;
  custom?: unknown;
  at?: string;
}

export const moreOf = ({ text, retry, reserve_for, custom, at }: More): string =>
  createHash('sha1')
    .update(JSON.stringify([text, retry, reserve_for, custom, at]))
    .digest('hex');

const phrase = 'größe \u{1f600} "<&>" ';
/** With the other fields it is below the largest size of a job. */
const largeText = phrase.repeat(Math.floor(48_000 / Buffer.byteLength(JSON.stringify(phrase))));
/** Far enough for any test: the job stays in the scheduled set. */
const at = '2126-12-01T08:00:00.000Z';
/** Of the explicit jobs; half of them have a time. */
const largeEvery = 40;

/** An entry of `POST /jobs` or of a batch, and the digest of what it has besides the numbers. */
export function createExplicitEntry(
  count: number,
  operation: string,
  numbers: { a: number; b: number; request_id: string },
): { entry: object; more: string } {
  const text = count % largeEvery === 0 ? largeText : phrase;
  const options = { retry: (count % 3) - 1, reserve_for: 600 + count, custom: { tenant: ['ä', count] } };
  const given = { ...options, ...(count % 2 === 0 && { at }) };
  const entry = { jobtype: `explicit.${operation}`, args: [{ ...numbers, text }], queue: explicitQueue, ...given };
  return { entry, more: moreOf({ ...given, text }) };
}
