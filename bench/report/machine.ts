// What the figures were measured on and with.
import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { realParts } from '../../test/helpers/real-parts.ts';
import { peerVersion } from '../servers/peers.ts';

/** Name and value. */
export type Fact = readonly [name: string, value: string];

const versionOf = (command: string | undefined, flag: string): string => {
  if (command === undefined) return 'not at hand';
  const { stdout, stderr } = spawnSync(command, [flag], { encoding: 'utf8', timeout: 5000 });
  return /\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0] ?? 'unknown';
};

/** statfs(2): what a sync costs depends on it, and in memory it costs nothing. */
function fileSystem(folder: string): string {
  const { type: magic } = statfsSync(folder);
  const names = new Map([
    [0xef53, 'ext4'],
    [0x58465342, 'xfs'],
    [0x9123683e, 'btrfs'],
    [0x794c7630, 'overlayfs'],
    [0x01021994, 'tmpfs, in memory: syncs cost nothing here, set TMPDIR to a disk'],
  ]);
  return names.get(magic) ?? `0x${magic.toString(16)}`;
}

export function machineFacts(): Fact[] {
  const processors = cpus();
  const [faktory, redis] = realParts();
  return [
    ['processors', `${processors.length} x ${processors[0]?.model ?? 'unknown'}`],
    ['memory', `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ['load of the machine before the run, 1 min', (loadavg()[0] ?? 0).toFixed(1)],
    ["file system of the brokers' data", fileSystem(tmpdir())],
    ['system', `${type()} ${release().split('.', 2).join('.')}`],
    ['Node', process.version],
    ['Faktory', versionOf(faktory?.path, '-v')],
    ['Redis', versionOf(redis?.path, '--version')],
    ...['fastify', 'faktory-worker', 'bullmq'].map((name): Fact => [name, peerVersion(name)]),
  ];
}
