// Requests to this service: relative, as a proxy may strip a prefix, and with the key that the tab has been given.
import { say } from './dom.js';
import { askForKey, keyOf } from './keys.js';

/** @typedef {import('./keys.js').Scope} Scope */

/** What the service said instead of doing it (RFC 9457), or that it said nothing. */
export class Problem extends Error {
  /**
   * @param {number} status 0: there was no response
   * @param {Record<string, unknown>} body
   */
  constructor(status, body) {
    super(String(body['detail'] ?? body['error'] ?? `The service answered ${status}`));
    this.status = status;
    this.body = body;
  }
}

/**
 * @param {Response} response
 * @returns {Promise<Record<string, unknown>>}
 */
const readObject = async (response) => {
  const value = await response.json().catch(() => ({}));
  return typeof value === 'object' && value !== null ? value : {};
};

/**
 * Rejects with a Problem. On 401 it asks for a key and tries again.
 *
 * @param {Scope} scope
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function send(scope, path, init = {}) {
  for (;;) {
    const key = keyOf(scope);
    const headers = { ...init.headers, ...(key !== undefined && { authorization: `Bearer ${key}` }) };
    const request = { ...init, headers, credentials: /** @type {const} */ ('omit') };
    const response = await fetch(path, request).catch((/** @type {Error} */ error) => {
      if (error.name === 'AbortError') throw error;
      throw new Problem(0, { detail: 'The service does not answer' });
    });
    if (response.ok) return response;
    const problem = new Problem(response.status, await readObject(response));
    if (response.status !== 401 || !(await askForKey(scope, key))) throw problem;
  }
}

/**
 * @param {Scope} scope
 * @param {string} path
 * @param {RequestInit} [init]
 */
export const get = async (scope, path, init) => readObject(await send(scope, path, init));

/**
 * @param {Scope} scope
 * @param {string} path
 * @param {object} [body]
 */
export const post = async (scope, path, body = {}) =>
  readObject(
    await send(scope, path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** @param {unknown} error */
export function tell(error) {
  const isUnknown = error instanceof Problem && error.body['outcome'] === 'unknown';
  say(isUnknown ? `It may be enqueued: ${messageOf(error)}` : messageOf(error), 'bad');
}
