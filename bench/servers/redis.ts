// Redis for BullMQ, at its fastest: nothing is written to disk.
import { redisServerPath } from '../../test/helpers/real-parts.ts';
import { freePort, startProcess } from '../harness/processes.ts';
import type { Scope } from '../harness/scope.ts';

export async function startRedis(scope: Scope): Promise<{ port: number }> {
  const command = redisServerPath();
  if (command === undefined) throw new Error('no redis-server on the PATH');
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const running = await startProcess({ command, args: [...args, '--dir', scope.folder()], port });
  return scope.use({ port }, () => running.stop());
}
