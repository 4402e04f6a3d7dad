// The window of all streams: turns, limits, and a size that follows the broker.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createStreamWindow, type Room, type StreamWindow } from '../../../src/http/stream/window.ts';

const create = (more: { linesMax?: number; bytesMax?: number } = {}): StreamWindow =>
  createStreamWindow({ sliceLinesMax: 100, linesMax: 1000, bytesMax: 10_000, ...more });

/** Fills it with whole slices; resolves with their rooms. */
async function fill(window: StreamWindow): Promise<Room[]> {
  const rooms: Room[] = [];
  while (window.lines + 100 <= window.limit) rooms.push(await window.enter());
  return rooms;
}

/** Settles everything in so many milliseconds. */
async function settleAll(window: StreamWindow, tookMs: number): Promise<void> {
  for (const room of await fill(window)) room.release(tookMs);
}

describe('the window of all streams', () => {
  it('grows while slices are quick, up to its limit, and halves while they are slow, down to one slice', async () => {
    const window = create();
    assert.equal(window.limit, 200);
    for (let round = 0; round < 5; round++) await settleAll(window, 10);
    assert.equal(window.limit, 1000);
    await settleAll(window, 500);
    assert.equal(window.limit, 1000);
    await settleAll(window, 2000);
    assert.equal(window.limit, 100);
    (await window.enter()).release(undefined);
    assert.equal(window.limit, 100);
  });

  it('gives room in the order in which it was asked for', async () => {
    const window = create();
    const rooms = await fill(window);
    const order: string[] = [];
    const asked = ['a', 'b', 'a', 'b'].map(async (name) => {
      const room = await window.enter();
      order.push(name);
      room.release(500);
    });
    assert.deepEqual(order, []);
    rooms[0]?.release(500);
    await Promise.all(asked);
    assert.deepEqual(order, ['a', 'b', 'a', 'b']);
  });

  it('counts what a slice really holds, in lines and in bytes', async () => {
    const window = create({ bytesMax: 1000 });
    const first = await window.enter();
    first.use(1, 1000);
    assert.equal(window.lines, 1);
    let isIn = false;
    const second = window.enter().then((room) => {
      isIn = true;
      return room;
    });
    await Promise.resolve();
    assert.equal(isIn, false);
    first.release(500);
    (await second).release(500);
    assert.equal(window.lines, 0);
  });

  it('has room for one slice however small its limit is', async () => {
    const window = create({ linesMax: 10, bytesMax: 1 });
    const room = await window.enter();
    room.use(100, 5000);
    room.release(2000);
    (await window.enter()).release(10);
  });
});
