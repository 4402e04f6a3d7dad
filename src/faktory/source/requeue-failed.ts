// Has jobs queued again that a FAIL has put aside. They are where a failed job goes: in the retries or, where no retry is
// left, in the dead.
import type { FaktoryClient } from '../client.ts';
import type { SourceLog } from './clients.ts';

/** Resolves when both MUTATEs are over, whatever came of them. */
export async function requeueFailed(
  client: Pick<FaktoryClient, 'send'>,
  jids: readonly string[],
  log: SourceLog,
): Promise<void> {
  // A space would end the command (contribsys/faktory server/mutate.go, v1.9.4). No client of ours makes such a jid.
  const sent = jids.filter((jid) => !/\s/.test(jid));
  await Promise.all(
    ['retries', 'dead'].map(async (target) => {
      try {
        await client.send(['MUTATE', JSON.stringify({ cmd: 'requeue', target, filter: { jids: sent } })]);
      } catch (error) {
        const { message } = error as Error;
        log.warn({ target, jobs: sent.length, error: message }, 'jobs given back are not queued again at once');
      }
    }),
  );
}
