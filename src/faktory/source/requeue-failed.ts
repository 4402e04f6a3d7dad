// Requeues jobs after their FAIL. A failed job is in the retries or, where no retry is left, in the dead.
import type { FaktoryClient } from '../client.ts';
import type { SourceLog } from './clients.ts';

/** Resolves when both MUTATEs have ended, whether they succeeded or not. */
export async function requeueFailed(
  client: Pick<FaktoryClient, 'send'>,
  jids: readonly string[],
  log: SourceLog,
): Promise<void> {
  // A space would end the command (contribsys/faktory server/mutate.go, v1.9.4). This program makes no such jid.
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
