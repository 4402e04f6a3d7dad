// The last lines of the log that warn.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { createTroubles } from '../../src/process/troubles.ts';

function open() {
  const troubles = createTroubles();
  const log = pino(
    { level: 'debug', timestamp: () => ',"time":"T"' },
    { write: (line: string) => troubles.take(line) },
  );
  return { troubles, log };
}

describe('the last lines that warn', () => {
  it('are kept with the fields that say what it was about', () => {
    const { troubles, log } = open();
    log.info('not this one');
    log.warn({ jid: 'j', operation: 'o', errtype: 'E', error: 'e', secret: 's', attempts: 3 }, 'job failed');
    log.error({ err: new Error('a bug') }, 'worse');
    const pid = String(process.pid);
    assert.deepEqual(troubles.list(), [
      { time: 'T', level: 40, msg: 'job failed', about: { jid: 'j', operation: 'o', errtype: 'E', error: 'e', pid } },
      { time: 'T', level: 50, msg: 'worse', about: { error: 'a bug', pid } },
    ]);
  });

  it('are limited in number and length', () => {
    const { troubles, log } = open();
    for (let index = 0; index < 120; index++) log.warn({ error: 'x'.repeat(10_000) }, `line ${index}`);
    log.warn({ error: 'x'.repeat(100_000) }, 'too long to be read');
    const list = troubles.list();
    assert.equal(list.length, 50);
    assert.equal(list.at(-1)?.msg, 'line 119');
    assert.ok(list.every(({ about }) => (about['error'] ?? '').length <= 301));
  });

  it('are another array only when there are new ones', () => {
    const { troubles, log } = open();
    log.warn('one');
    const before = troubles.list();
    log.info('two');
    assert.equal(troubles.list(), before);
    log.warn('three');
    assert.notEqual(troubles.list(), before);
  });
});
