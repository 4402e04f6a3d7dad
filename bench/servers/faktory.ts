// Real Faktory on Redis, with folders of its own: v1.9.4 keeps its redis.conf in the system's temp directory and uses
// whatever lies there, so TMPDIR is its own too.
import { join } from 'node:path';
import { faktoryPath } from '../../test/helpers/real-parts.ts';
import { freePort, startProcess, type RunningProcess } from '../harness/processes.ts';
import { openRedisLink } from '../harness/resp-link.ts';
import type { Scope } from '../harness/scope.ts';

export interface Broker {
  port: number;
  process: RunningProcess;
}

/** Where the program is, if it is there at all. */
export const realFaktory = (): string | undefined => faktoryPath();

/** @param redis `stock` as Faktory starts it; `syncs` before every reply (appendfsync always) */
export async function startFaktory(scope: Scope, redis: 'stock' | 'syncs' = 'stock'): Promise<Broker> {
  const command = realFaktory();
  if (command === undefined) throw new Error('no real Faktory: set FAKTORY_BIN');
  const folder = scope.folder();
  const port = await freePort();
  const running = await startProcess({
    command,
    args: ['-b', `127.0.0.1:${port}`, '-w', ':0', '-d', folder, '-c', folder, '-l', 'warn'],
    env: { TMPDIR: folder, HOME: folder },
    port,
  });
  scope.use(running, () => running.stop(10_000));
  if (redis === 'syncs') {
    const link = await openRedisLink({ path: join(folder, 'redis.sock') });
    await link.call('CONFIG SET appendonly yes appendfsync always');
    link.close();
  }
  return { port, process: running };
}
