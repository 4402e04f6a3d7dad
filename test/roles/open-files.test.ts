// The limit on open files, as the system says it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { openFilesMax } from '../../src/roles/open-files.ts';
import { nodeArgs, programUrlOf } from '../helpers/paths.ts';

const skip = existsSync('/proc/self/limits') ? false : 'NOT TESTED: no /proc here';

describe('the limit on open files', () => {
  it('is the one that the process was started with', { skip }, () => {
    const script = `import('${programUrlOf('src/roles/open-files.ts')}').then(({ openFilesMax }) => console.log(openFilesMax()))`;
    const node = `exec "${process.execPath}" ${nodeArgs.join(' ')} --input-type=module -e "${script}"`;
    const { stdout } = spawnSync('sh', ['-c', `ulimit -n 700 && ${node}`], { encoding: 'utf8' });
    assert.equal(stdout, '700\n');
  });

  it('is not known where nothing says it', () => {
    assert.equal(openFilesMax('/nothing/here'), undefined);
  });
});
