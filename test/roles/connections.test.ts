// The limit on open files, as the system says it, and how many callers it leaves room for.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { connectionsWithin, openFilesMax } from '../../src/roles/connections.ts';
import { nodeArgs, programUrlOf } from '../helpers/paths.ts';

function within(filesMax: number | undefined) {
  const lines: unknown[] = [];
  const count = connectionsWithin(filesMax, { warn: (line: unknown) => void lines.push(line) });
  return { count, lines };
}

describe('the connections of callers', () => {
  it('are 10,000 where the limit on open files leaves room for the others', () => {
    for (const filesMax of [undefined, 1_048_576, 20_000])
      assert.deepEqual(within(filesMax), { count: 10_000, lines: [] });
  });

  it('are half of the limit otherwise, and the log names it', () => {
    const { count, lines } = within(1024);
    assert.equal(count, 512);
    assert.match(String(lines), /ulimit -n.* is 1024: 512 callers may be connected, not 10000/);
  });
});

const skip = existsSync('/proc/self/limits') ? false : 'NOT TESTED: no /proc here';

describe('the limit on open files', () => {
  it('is the one that the process was started with', { skip }, () => {
    const script = `import('${programUrlOf('src/roles/connections.ts')}').then(({ openFilesMax }) => console.log(openFilesMax()))`;
    const node = `exec "${process.execPath}" ${nodeArgs.join(' ')} --input-type=module -e "${script}"`;
    const { stdout } = spawnSync('sh', ['-c', `ulimit -n 700 && ${node}`], { encoding: 'utf8' });
    assert.equal(stdout, '700\n');
  });

  it('is not known where nothing says it', () => {
    assert.equal(openFilesMax('/nothing/here'), undefined);
  });
});
