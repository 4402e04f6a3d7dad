// A path to a broker that delays packets (bench/packet-delay.py): connecting takes a round trip and slow start shows, as
// over a real distance. Wants Linux, root and Python 3.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { endWithBench } from '../harness/processes.ts';
import type { Scope } from '../harness/scope.ts';

const program = fileURLToPath(new URL('../packet-delay.py', import.meta.url));
// Of the range for benchmarks (RFC 2544).
const local = '198.18.0.1';
const remote = '198.18.0.2';

export interface Address {
  host: string;
  port: number;
}

/** Where the broker on this port of 127.0.0.1 is found `delayMs` away; undefined where that cannot be had. */
export async function startPacketDelay(
  scope: Scope,
  targetPort: number,
  delayMs: number,
): Promise<Address | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const args = [program, String(delayMs), `wf${process.pid}`, local, remote];
  const child = spawn('python3', args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const isUp = await Promise.race([
    once(child.stdout, 'data').then(() => true),
    once(child, 'exit').then(() => false),
    once(child, 'error').then(() => false),
  ]);
  if (!isUp) return undefined;
  endWithBench(child);
  scope.use(child, () => void child.stdin.end());
  // At the far end, where it adds no distance: the broker listens on 127.0.0.1 only.
  const relay = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.setNoDelay(true).on('error', () => (near.destroy(), far.destroy()));
  });
  await once(relay.listen(targetPort, local), 'listening');
  scope.use(relay, () => void relay.close());
  return { host: remote, port: targetPort };
}
