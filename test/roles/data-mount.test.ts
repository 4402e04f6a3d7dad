// Where data would end with the container, by the table of mounts as the kernel prints it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reasonToLose } from '../../src/roles/data-mount.ts';

const overlay = '1 0 0:50 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/l\n';
const btrfs = '1 0 0:50 / / rw,relatime - btrfs /dev/sda1 rw\n';
const volume = '2 1 8:1 /volumes/x /data rw,relatime shared:7 - ext4 /dev/sda1 rw\n';
const memory = '3 1 0:60 / /data rw - tmpfs tmpfs rw\n';
const withSpace = '4 1 8:1 / /my\\040data rw - ext4 /dev/sda1 rw\n';

describe('data in a container', () => {
  const cases: [what: string, path: string, mounts: string, isContainer: boolean, reason: string | undefined][] = [
    ['no volume', '/data/broker', overlay, true, 'no volume is mounted there'],
    ['no volume, an engine that leaves no mark', '/data/broker', overlay, false, 'no volume is mounted there'],
    ['no volume, another driver of images', '/data/broker', btrfs, true, 'no volume is mounted there'],
    ['a volume', '/data/broker', overlay + volume, true, undefined],
    ['a volume whose path only begins alike', '/database', overlay + volume, true, 'no volume is mounted there'],
    ['a volume with a space in its path', '/my data/broker', overlay + withSpace, true, undefined],
    ['memory', '/data/broker', overlay + memory, true, 'it is in memory'],
    ['memory over a volume', '/data/broker', overlay + volume + memory, true, 'it is in memory'],
    ['a disk, without a container', '/home/x/data/broker', btrfs, false, undefined],
  ];
  for (const [what, path, mounts, isContainer, reason] of cases) {
    it(`${reason === undefined ? 'outlive it' : 'are warned of'}: ${what}`, () => {
      assert.equal(reasonToLose(path, mounts, isContainer), reason);
    });
  }
});
