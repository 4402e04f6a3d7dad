// What the figures were measured on and with.
import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';
import { realParts } from '../../test/helpers/real-parts.ts';
import { peerVersion } from '../servers/peers.ts';

/** Name and value. */
export type Fact = readonly [name: string, value: string];

const versionOf = (command: string | undefined, flag: string): string => {
  if (command === undefined) return 'not at hand';
  const { stdout, stderr } = spawnSync(command, [flag], { encoding: 'utf8', timeout: 5000 });
  return /\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0] ?? 'unknown';
};

export function machineFacts(): Fact[] {
  const processors = cpus();
  const [faktory, redis] = realParts();
  return [
    ['processors', `${processors.length} x ${processors[0]?.model ?? 'unknown'}`],
    ['memory', `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ['system', `${type()} ${release()}`],
    ['Node', process.version],
    ['Faktory', versionOf(faktory?.path, '-v')],
    ['Redis', versionOf(redis?.path, '--version')],
    ...['fastify', 'faktory-worker', 'bullmq'].map((name): Fact => [name, peerVersion(name)]),
  ];
}
