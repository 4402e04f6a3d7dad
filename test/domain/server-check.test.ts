// Whether a server answers, as /ready asks it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createServerCheck } from '../../src/domain/server-check.ts';
import { createStallingClock } from '../helpers/fake-clock.ts';

const name = 'the store';

describe('the check of a server', () => {
  it('asks once for all who ask at the same time, and not again within a second', async () => {
    const clock = createStallingClock();
    let asked = 0;
    const check = createServerCheck({ clock, name, ask: async () => void (asked += 1) });
    assert.deepEqual(await Promise.all([check(), check(), check()]), [undefined, undefined, undefined]);
    clock.advance(999);
    await check();
    assert.equal(asked, 1);
    clock.advance(1);
    await check();
    assert.equal(asked, 2);
  });

  it('gives up on a silent one after 2 s', async () => {
    const clock = createStallingClock();
    const check = createServerCheck({ clock, name, ask: () => new Promise(() => undefined) });
    const outcome = check();
    clock.advance(2000);
    assert.equal(await outcome, 'the store cannot be used: it does not answer in time');
  });

  it('names the cause where it is known, never the words of the server', async () => {
    const clock = createStallingClock();
    let error = new Error('tcp://:secret@broker:7419');
    const check = createServerCheck({ clock, name, ask: () => Promise.reject(error) });
    assert.equal(await check(), 'the store cannot be used: the log says why');
    error = new Error('OOM of tcp://:secret@broker:7419');
    clock.advance(1000);
    assert.equal(await check(), 'the store cannot be used: its memory is full (OOM)');
  });

  it('holds a good reply for as long as it is told, a bad one for a second', async () => {
    const clock = createStallingClock();
    let isAway = false;
    let asked = 0;
    const ask = (): Promise<void> => (asked++, isAway ? Promise.reject(new Error('OOM')) : Promise.resolve());
    const check = createServerCheck({ clock, name, ask, maxAgeMs: 5000 });
    await check();
    isAway = true;
    clock.advance(4999);
    assert.equal(await check(), undefined);
    clock.advance(1);
    assert.match((await check()) ?? '', /OOM/);
    clock.advance(1000);
    await check();
    assert.equal(asked, 3);
  });
});
