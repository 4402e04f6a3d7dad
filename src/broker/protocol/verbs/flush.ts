// FLUSH: removes all jobs and all queues.
import type { Command } from '../command.ts';
import { ok } from '../replies.ts';

export const flush: Command = ({ engine, audit }, session) => {
  engine.state().flush();
  audit(session, 'FLUSH');
  session.replyStored(ok);
};
