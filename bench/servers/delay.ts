// A path to a broker that is `delayMs` of round trip away: every byte is handed on late. Bytes, not packets: connecting is
// not slowed down and there is no slow start.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endWithBench } from '../harness/processes.ts';
import type { Scope } from '../harness/scope.ts';

const file = fileURLToPath(new URL('../delay-path.ts', import.meta.url));

/** Its port. */
export async function startDelay(scope: Scope, targetPort: number, delayMs: number): Promise<number> {
  const args = [String(targetPort), String(delayMs)];
  const child = scope.use(fork(file, args, { execArgv: ['--import', 'tsx'], detached: true }), (path) => path.kill());
  endWithBench(child);
  const [port] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [number | null];
  if (port === null) throw new Error('the delaying path ended');
  return port;
}
