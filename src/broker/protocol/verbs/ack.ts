// ACK {"jid":…}: a job has succeeded.
import { invalid, type Command } from '../command.ts';
import { isObject, isTexts } from '../go-json.ts';
import { ok } from '../replies.ts';

export const ack: Command = ({ engine }, session, rest) => {
  engine.endings.ack(jidOf(rest), session.wid);
  session.replyStored(ok);
};

/** Faktory reads a map of strings: the name `jid` must match exactly, and null is the empty string. */
function jidOf(rest: Buffer): string {
  try {
    const payload: unknown = JSON.parse(rest.toString());
    if (isObject(payload) && isTexts(Object.values(payload)) && 'jid' in payload)
      return (payload['jid'] ?? '') as string;
  } catch {
    // Text that is no JSON gets the same error.
  }
  throw invalid('ACK', rest);
}
