// The line that says how far a stream is.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createProgress } from '../../src/cli/progress.ts';
import { createSink } from './cli.ts';

const position = { lines: 5000, notEnqueued: 3, fraction: 0.5 };

describe('progress on a terminal', () => {
  it('is one line, ten times a second, and goes away', () => {
    const { stream, text } = createSink({ isTTY: true, columns: 100 });
    let nowMs = 0;
    const progress = createProgress({ terminal: stream, note: () => assert.fail() }, () => nowMs);
    progress.clear();
    assert.equal(text(), '');
    nowMs = 1000;
    for (let i = 0; i < 1000; i++) progress.show(position);
    const drawn = '\r[############------------]  50 %, 5,000 lines, 5,000/s, 3 not enqueued\u001b[K';
    assert.equal(text(), drawn);
    nowMs = 1099;
    progress.show(position);
    assert.equal(text(), drawn);
    progress.clear();
    progress.clear();
    assert.equal(text(), `${drawn}\r\u001b[K`);
  });

  it('is never longer than the terminal is wide', () => {
    const { stream, text } = createSink({ isTTY: true, columns: 20 });
    createProgress({ terminal: stream, note: () => assert.fail() }, () => 0).show(position);
    assert.equal(text().replace(/^\r|\u001b\[K$/g, '').length, 19);
  });

  it('has no bar where the length is not known', () => {
    const { stream, text } = createSink({ isTTY: true, columns: 100 });
    let nowMs = 0;
    const progress = createProgress({ terminal: stream, note: () => assert.fail() }, () => nowMs);
    nowMs = 2000;
    progress.show({ lines: 10, notEnqueued: 0 });
    assert.equal(text(), '\r10 lines, 5/s, 0 not enqueued\u001b[K');
  });
});

it('progress elsewhere is a line every ten seconds', () => {
  const notes: string[] = [];
  let nowMs = 0;
  const progress = createProgress({ terminal: undefined, note: (line) => void notes.push(line) }, () => nowMs);
  for (; nowMs < 25_000; nowMs += 500) progress.show({ lines: nowMs, notEnqueued: 0 });
  progress.clear();
  assert.deepEqual(notes, ['10,000 lines, 1,000/s, 0 not enqueued', '20,000 lines, 1,000/s, 0 not enqueued']);
});
