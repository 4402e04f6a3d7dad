// GET /cron: its shape, which the command line relies on.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ScheduleState } from '../../../src/domain/cron.ts';
import { idleOperator } from '../../helpers/idle-operator.ts';
import { build } from '../../helpers/app.ts';

const atMs = Date.parse('2026-12-01T01:30:00Z');
const state: ScheduleState = {
  name: 'nightly',
  operation: 'nightly',
  pattern: '30 2 * * *',
  timeZone: 'Europe/Berlin',
  catchUp: true,
  nextMs: Date.parse('2026-12-02T01:30:00Z'),
  last: { atMs, jobId: '019caf3e-5c00-7d3a-9c11-5b0f2a6e4d10', outcome: 'enqueued', pattern: '', timeZone: '' },
};

/** Its route is one of operators. */
const operator = idleOperator;

describe('GET /cron', () => {
  it('lists schedules with the next and the last tick', async (t) => {
    const fresh = {
      ...state,
      name: 'report:late',
      operation: 'report',
      catchUp: false,
      nextMs: undefined,
      last: undefined,
    };
    const { get } = build(t, { operator, cron: { list: () => Promise.resolve([state, fresh]) } });
    const response = await get('/cron');
    assert.deepEqual([response.statusCode, response.headers['cache-control']], [200, 'no-store']);
    const [schedule, timeZone] = ['30 2 * * *', 'Europe/Berlin'];
    assert.deepEqual(response.json(), {
      schedules: [
        {
          ...{ name: 'nightly', operation: 'nightly', schedule, time_zone: timeZone, catch_up: true },
          next_at: '2026-12-02T01:30:00.000Z',
          last: { at: '2026-12-01T01:30:00.000Z', job_id: '019caf3e-5c00-7d3a-9c11-5b0f2a6e4d10', outcome: 'enqueued' },
        },
        {
          ...{ name: 'report:late', operation: 'report', schedule, time_zone: timeZone, catch_up: false },
          next_at: null,
          last: null,
        },
      ],
    });
  });

  it('is empty where no type has a schedule', async (t) => {
    assert.deepEqual((await build(t, { operator }).get('/cron')).json(), { schedules: [] });
  });

  it('is 503 while the store does not answer', async (t) => {
    const { get } = build(t, { operator, cron: { list: () => Promise.reject(new Error('redis://:secret@host')) } });
    const response = await get('/cron');
    assert.deepEqual([response.statusCode, response.json().code], [503, 'keys_unavailable']);
    assert.ok(!response.body.includes('secret'));
  });
});
