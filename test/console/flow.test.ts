// The console's word on jobs that wait while none ends.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pathOf } from '../helpers/paths.ts';

interface Flow {
  look(figures: object): { ok: boolean; reason?: string };
}
// The page's modules have types in comments, which a project of TypeScript files does not read.
const { createFlow } = (await import(pathOf('console/flow.js'))) as { createFlow: () => Flow };

const figures = (seconds: number, processed: number | null, depth = 5, paused: boolean | null = false): object => ({
  at: seconds * 1000,
  broker: { queues: [{ name: 'default', depth, latency_seconds: 1, paused }] },
  point: processed === null ? null : { processed },
});

describe('the check that queued jobs are run', () => {
  it('fails after 30 s in which jobs waited and none ended, and holds again with the first that ends', () => {
    const { look } = createFlow();
    assert.deepEqual(look(figures(0, 0)), { ok: true });
    assert.deepEqual(look(figures(29, 0)), { ok: true });
    const late = look(figures(31, 0));
    assert.equal(late.ok, false);
    assert.match(late.reason ?? '', /^none for 31 s, and jobs wait/);
    assert.deepEqual(look(figures(32, 0.5)), { ok: true });
    assert.deepEqual(look(figures(61, 0)), { ok: true });
  });

  it('holds while queues are empty or paused, and while the broker says nothing', () => {
    const { look } = createFlow();
    for (const quiet of [figures(0, 0, 0), figures(40, 0, 5, true), figures(80, null)])
      assert.deepEqual(look(quiet), { ok: true });
    assert.deepEqual(look(figures(120, 0)), { ok: true });
  });
});
