// FAIL {"jid":…, "errtype":…, "message":…, "backtrace":…}: a job has failed. With `"give_back":true`, which Faktory does not
// know and ignores, the job goes to the head of its queue and no attempt is counted.
import { readFailure } from '../../queues/failure.ts';
import { parsePayload, type Command } from '../command.ts';
import { goStruct } from '../go-json.ts';
import { ok } from '../replies.ts';

const failStruct = goStruct('FailPayload', {
  jid: ['string', 'string'],
  message: ['string', 'string'],
  errtype: ['string', 'string'],
  backtrace: ['strings', '[]string'],
  give_back: ['boolean', 'bool'],
});

export const fail: Command = ({ engine: { endings } }, session, rest) => {
  const payload = parsePayload(rest, 'FAIL', failStruct);
  const { jid, give_back: isRequeue } = payload as { jid?: string | null; give_back?: boolean | null };
  if (!jid) throw new Error('missing JID');
  const { wid } = session;
  const isKnown = isRequeue ? endings.requeueJob(jid, wid) : endings.fail(jid, wid, readFailure(payload));
  if (!isKnown) throw new Error(`Job not found ${jid}`);
  session.replyStored(ok);
};
