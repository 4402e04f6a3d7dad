// END: a client closes its connection. A worker that stops in order sends END on each of its connections; after the last of
// them, the jobs that it has not finished go back to their queues at once.
import type { Command } from '../command.ts';

export const end: Command = ({ engine, workers }, session) => {
  session.end();
  if (workers.leave(session) && session.wid !== undefined) engine.endings.requeueJobsOf(session.wid);
};
