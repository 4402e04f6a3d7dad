// PUSH {job} and PUSHB [job…]: stores jobs. The reply to PUSHB is a map from the jid of each refused job to the reason.
import type { Command } from '../command.ts';
import { bulk, ok } from '../replies.ts';

export const push: Command = (context, session, rest) => {
  context.push.one(rest);
  session.replyStored(ok);
};

export const pushb: Command = (context, session, rest) => {
  const refused = context.push.array(rest);
  session.replyStored(refused.size === 0 ? '$2\r\n{}\r\n' : bulk(JSON.stringify(Object.fromEntries(refused))));
};
