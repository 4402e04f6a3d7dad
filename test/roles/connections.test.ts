// How many callers a limit on open files leaves room for.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionsWithin } from '../../src/roles/connections.ts';

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
