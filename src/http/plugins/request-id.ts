// Ids of requests, for `x-request-id` of every response and `instance` of every problem. The caller's own id is kept when it is
// harmless in a header and in a log line. Otherwise an id is made that is unique in the process.
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const harmless = /^[A-Za-z0-9._-]{1,64}$/;

/** Returns a function that makes ids. Two such functions never make the same id. */
export function createRequestIds(): (request: Pick<IncomingMessage, 'headers'>) => string {
  const prefix = randomBytes(6).toString('hex');
  let count = 0;
  return ({ headers }) => {
    const offered = headers['x-request-id'];
    if (typeof offered === 'string' && harmless.test(offered)) return offered;
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}
