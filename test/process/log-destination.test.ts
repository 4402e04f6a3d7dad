// The log's way out, on a descriptor and a clock that do what the test says.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogDestination } from '../../src/process/log-destination.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

type Done = (error: NodeJS.ErrnoException | null, written: number) => void;

const errorOf = (code: string): NodeJS.ErrnoException => Object.assign(new Error(`${code}: it failed`), { code });

function start() {
  const clock = createFakeClock();
  const writes: { bytes: Buffer; done: Done }[] = [];
  const output: string[] = [];
  const troubles: string[] = [];
  const destination = createLogDestination({
    write: (bytes, done) => void writes.push({ bytes, done }),
    clock,
    onTrouble: (reason) => troubles.push(reason),
    onRecovery: (lines) => destination.write(`lost ${lines}\n`),
  });
  /** Ends the write under way; `taken` bytes of it are accepted, all by default. */
  function accept(taken?: number): void {
    const { bytes, done } = writes.shift() ?? assert.fail('nothing is being written');
    const size = taken ?? bytes.length;
    output.push(bytes.subarray(0, size).toString());
    done(null, size);
  }
  function refuse(code: string): void {
    const { done } = writes.shift() ?? assert.fail('nothing is being written');
    done(errorOf(code), 0);
  }
  return { clock, writes, troubles, destination, accept, refuse, written: () => output.join('') };
}

describe('the log destination', () => {
  it('writes the first line at once, and those that come meanwhile together, in order', () => {
    const { destination, writes, accept, written } = start();
    for (const line of ['a\n', 'b\n', 'ü\n']) destination.write(line);
    assert.equal(writes.length, 1);
    accept();
    assert.equal(writes.length, 1);
    accept();
    assert.equal(written(), 'a\nb\nü\n');
    assert.equal(writes.length, 0);
  });

  it('goes on where a write ended early', () => {
    const { destination, accept, written } = start();
    destination.write('one line\n');
    accept(3);
    destination.write('two\n');
    accept(2);
    accept();
    accept();
    assert.equal(written(), 'one line\ntwo\n');
  });

  it('says once that it cannot be written, counts lines, tries once a second, and logs again when it can', () => {
    const { destination, writes, clock, troubles, accept, refuse, written } = start();
    destination.write('a\n');
    refuse('ENOSPC');
    for (let tries = 0; tries < 5; tries++) {
      destination.write('b\n');
      assert.equal(writes.length, 0, 'a line does not make it try again');
      clock.advance(1000);
      refuse('ENOSPC');
    }
    assert.deepEqual(troubles, ['ENOSPC: it failed']);
    clock.advance(1000);
    accept();
    accept();
    assert.equal(written(), 'a\nlost 5\n');
    assert.equal(destination.lostLines, 5);
    assert.equal(clock.pendingTimers, 0);
    destination.write('c\n');
    refuse('EIO');
    assert.deepEqual(troubles, ['ENOSPC: it failed', 'EIO: it failed'], 'a second outage is told as well');
  });

  it('keeps at most a mebibyte, counts what is lost, and says so when it is written again', () => {
    const { destination, clock, troubles, accept, refuse, written } = start();
    const line = `${'x'.repeat(1023)}\n`;
    destination.write(line);
    refuse('EAGAIN');
    for (let count = 0; count < 2000; count++) destination.write(line);
    assert.equal(destination.lostLines, 2001 - 1024);
    assert.equal(troubles.length, 1);
    clock.advance(50);
    accept();
    accept();
    accept();
    assert.equal(written().length, 1024 * 1024 + 'lost 977\n'.length);
    assert.ok(written().endsWith('x\nlost 977\n'));
    assert.equal(destination.lostLines, 977);
  });

  it('says nothing of a pipe that is full for a while and loses no line', () => {
    const { destination, clock, troubles, accept, refuse, written } = start();
    destination.write('a\n');
    refuse('EAGAIN');
    clock.advance(50);
    refuse('EAGAIN');
    clock.advance(50);
    accept();
    assert.equal(written(), 'a\n');
    assert.deepEqual(troubles, []);
  });
});

describe('flush', () => {
  it('resolves at once when nothing waits', async () => {
    await start().destination.flush(1000);
  });

  it('resolves when all is written', async () => {
    const { destination, accept } = start();
    destination.write('a\n');
    destination.write('b\n');
    const flushed = destination.flush(1000);
    accept();
    accept();
    await flushed;
    assert.equal(destination.isWriting, false);
  });

  it('tries once more, and does not wait where writing fails', async () => {
    const { destination, writes, refuse } = start();
    destination.write('a\n');
    refuse('ENOSPC');
    const flushed = destination.flush(1000);
    assert.equal(writes.length, 1);
    refuse('ENOSPC');
    await flushed;
  });

  it('resolves when the time is up, while the reader stalls or a write does not return', async () => {
    const { destination, clock, refuse } = start();
    destination.write('a\n');
    const hanging = destination.flush(1000);
    clock.advance(1000);
    await hanging;
    assert.equal(destination.isWriting, true);
    refuse('EAGAIN');
    const stalled = destination.flush(1000);
    refuse('EAGAIN');
    clock.advance(500);
    refuse('EAGAIN');
    clock.advance(500);
    await stalled;
  });
});
