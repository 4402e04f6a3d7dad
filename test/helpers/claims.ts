// Claims of keys for tests.
import { createHash } from 'node:crypto';
import type { Claim, KeptResponse } from '../../src/domain/keys.ts';
import { createJid } from '../../src/domain/jid.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('binary');

export const acceptedAs = (jid: string): KeptResponse => ({ status: 202, body: `{"job_id":"${jid}"}` });

/** A claim of this key, with this body, for one new job. */
export function claimOf(key: string, body = 'body', jid: string = createJid()): Claim {
  return { id: digest(key), fingerprint: digest(body), jids: [jid], response: acceptedAs(jid) };
}

/** As of a request that is not accepted: the key is only looked up. */
export const lookFor = (key: string, body = 'body'): Claim => ({ ...claimOf(key, body), jids: [] });
