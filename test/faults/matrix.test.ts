// The fault matrix is true: every row has a test that reports it, and docs/reliability.md has every row.
// UPDATE_RELIABILITY=1 writes its tables anew, with what the rows showed before.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { matrix } from './matrix.ts';
import { updateReport } from './report.ts';
import { pathOf } from '../helpers/paths.ts';

const path = pathOf('docs/reliability.md');
const document = readFileSync(path, 'utf8');

describe('the fault matrix', () => {
  it('has rows that their tests report', () => {
    const rows = Object.entries(matrix);
    assert.ok(rows.length > 20);
    for (const [id, { shownBy }] of rows) {
      const text = readFileSync(pathOf(`test/${shownBy}`), 'utf8');
      assert.ok(text.includes(`'${id}'`) && text.includes('showed('), `${shownBy} does not report ${id}`);
    }
  });

  it('is in docs/reliability.md, row by row, with the planted bugs', () => {
    const updated = updateReport(document, []);
    if (process.env['UPDATE_RELIABILITY'] === '1') writeFileSync(path, updated);
    else assert.equal(document, updated, 'run UPDATE_RELIABILITY=1 npm test faults/matrix');
  });

  it('takes what was shown, joined, and keeps what was not run', () => {
    const [first, second] = Object.keys(matrix) as [keyof typeof matrix, keyof typeof matrix];
    const once = updateReport(
      document,
      [
        { row: first, seen: 'a | b' },
        { row: second, seen: '1' },
      ],
      'a machine',
    );
    const twice = updateReport(once, [
      { row: second, seen: '2' },
      { row: second, seen: '3' },
    ]);
    assert.match(twice, /^Last run on a machine\.$/m);
    assert.match(twice, new RegExp(`^\\| ${first} \\|.*\\| a \\\\\\| b \\|$`, 'm'));
    assert.match(twice, new RegExp(`^\\| ${second} \\|.*\\| 2; 3 \\|$`, 'm'));
  });
});
