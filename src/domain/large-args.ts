// Large arguments: the API compresses them, the worker decodes them. Both do so synchronously, because libuv's pool also syncs
// the broker's disk (docs/decisions/0020-large-arguments.md).
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import type { JobArgs } from './job-args.ts';
import { isObject } from './json-structure.ts';

const encoding = 'gzip+base64';
/** Arguments are decoded only when `custom` has this mark. */
export const encodedArgsMark = { content_encoding: 'gzip' } as const;

/** The arguments as `[{"$encoding":"gzip+base64",...}]`; undefined when that is not smaller. */
export function compressArgs({ value, json, requestId }: JobArgs): JobArgs | undefined {
  const text = `[${json}]`;
  const bytes = Buffer.byteLength(text);
  const data = gzipSync(text, { level: constants.Z_BEST_SPEED }).toString('base64');
  const encoded = `{"$encoding":"${encoding}","bytes":${bytes},"data":"${data}"}`;
  // The mark is sent, too, so its bytes count.
  if (encoded.length + JSON.stringify({ custom: encodedArgsMark }).length >= bytes) return undefined;
  return { value, json: encoded, jsonBytes: encoded.length, requestId };
}

export type DecodedArgs = { readonly args: unknown } | { readonly error: string };

/**
 * Reads the `args` of a fetched job, encoded or not. An error would be the same every time, so it is permanent.
 *
 * @param custom of the job
 * @param bytesMax the most bytes of JSON of the decoded arguments
 */
export function decodeArgs(args: unknown, custom: unknown, bytesMax: number): DecodedArgs {
  if (!isObject(custom) || custom['content_encoding'] !== encodedArgsMark.content_encoding) return { args };
  const first: unknown = Array.isArray(args) && args.length === 1 ? args[0] : undefined;
  if (!isObject(first) || first['$encoding'] !== encoding)
    return { error: `custom says that args are encoded, but they are not one object with "$encoding": "${encoding}"` };
  const { bytes, data } = first;
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 1 || typeof data !== 'string')
    return { error: 'encoded args need "bytes", a whole number above 0, and "data", a text' };
  if (bytes > bytesMax) return { error: `encoded args are ${bytes} bytes long; at most ${bytesMax} are decoded` };
  return inflate(data, bytes);
}

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const utf8 = new TextDecoder('utf-8', { fatal: true });

function inflate(data: string, bytes: number): DecodedArgs {
  if (!base64.test(data)) return { error: 'the data of encoded args are not base64' };
  try {
    // Inflating stops at the length that `bytes` names.
    const inflated = gunzipSync(Buffer.from(data, 'base64'), { maxOutputLength: bytes });
    if (inflated.length !== bytes)
      return { error: `encoded args say that they are ${bytes} bytes long, and are ${inflated.length}` };
    const args: unknown = JSON.parse(utf8.decode(inflated));
    return Array.isArray(args) ? { args } : { error: 'encoded args hold no array' };
  } catch (error) {
    const isLonger = error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    if (isLonger) return { error: `encoded args say that they are ${bytes} bytes long, and are longer` };
    return { error: 'encoded args are not gzip of JSON in UTF-8' };
  }
}
