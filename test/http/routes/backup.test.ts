// POST /admin/backup: who may ask, what is read, and what each end is answered with.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BackupError, type BackupErrorReason, type Backups } from '../../../src/domain/backup.ts';
import { noBackups } from '../../../src/roles/backups.ts';
import { createFakeClock } from '../../helpers/fake-clock.ts';
import { idleOperator as operator } from '../../helpers/idle-operator.ts';
import { build } from '../../helpers/app.ts';

const report = { name: 'one', startedAt: '2026-11-30T08:00:00.000Z', bytes: 12, seconds: 0.5 };
const made: Backups = { create: async (name) => ({ ...report, name }) };
const failing = (reason: BackupErrorReason): Backups => ({
  create: () => Promise.reject(new BackupError(reason, 'Because')),
});

describe('POST /admin/backup', () => {
  it('answers when the copy is made, and logs who asked for it', async (t) => {
    const { post, log } = build(t, { operator, backups: made, adminKeys: ['ops:admin-key-of-16-b'] });
    const response = await post('/admin/backup', { name: 'one' }, { authorization: 'Bearer admin-key-of-16-b' });
    const { startedAt, ...others } = report;
    assert.deepEqual([response.statusCode, response.json()], [200, { ...others, started_at: startedAt }]);
    const line = log.find(({ msg }) => msg === 'an operator acted');
    assert.deepEqual(
      [line?.['action'], line?.['name'], line?.['key_name'], line?.['outcome']],
      ['backup', 'one', 'ops', 'done'],
    );
    assert.equal((await post('/admin/backup', { name: 'one' })).statusCode, 401);
  });

  it('is not there without BACKUP_DIR, or where nobody operates the service', async (t) => {
    for (const options of [{ operator }, { backups: made }]) {
      const { post, get } = build(t, options);
      assert.equal((await post('/admin/backup', { name: 'one' })).statusCode, 404);
      assert.doesNotMatch((await get('/openapi.json')).payload, /admin/);
    }
  });

  it('takes a name that is no path, and nothing else', async (t) => {
    const { post } = build(t, { operator, backups: made });
    for (const name of ['a', 'A-1_b.2', 'x'.repeat(100)])
      assert.equal((await post('/admin/backup', { name })).statusCode, 200, name);
    for (const name of ['', '.', '..', '.a', '-a', 'a/b', 'a\\b', '../a', 'a b', 'ä', 'a\n', 'x'.repeat(101), 1, null])
      assert.equal((await post('/admin/backup', { name })).statusCode, 422, String(name));
    for (const body of [{}, { name: 'a', dir: '/' }, []])
      assert.equal((await post('/admin/backup', body)).statusCode, 422);
  });

  it('refuses pages of other origins', async (t) => {
    const { post } = build(t, { operator, backups: made });
    const response = await post('/admin/backup', { name: 'one' }, { 'sec-fetch-site': 'cross-site' });
    assert.equal(response.json().code, 'cross_origin');
  });

  it('says why there is no copy', async (t) => {
    for (const [reason, status, code] of [
      ['not_supported', 501, 'not_supported'],
      ['exists', 409, 'backup_exists'],
      ['under_way', 409, 'backup_under_way'],
      ['away', 503, 'broker_unavailable'],
      ['stopped', 503, 'shutting_down'],
      ['failed', 500, 'backup_failed'],
    ] as const) {
      const response = await build(t, { operator, backups: failing(reason) }).post('/admin/backup', { name: 'one' });
      const { code: told, detail } = response.json<{ code: string; detail: string }>();
      assert.deepEqual([response.statusCode, told, detail], [status, code, 'Because']);
    }
    const faktory = await build(t, { operator, backups: noBackups }).post('/admin/backup', { name: 'one' });
    assert.match(faktory.json<{ detail: string }>().detail, /Faktory keeps them in its Redis/);
  });

  it('is answered with 504 after four minutes, and goes on', async (t) => {
    const clock = createFakeClock();
    let finish: (() => void) | undefined;
    const backups: Backups = { create: () => new Promise((resolve) => (finish = () => resolve(report))) };
    const { post, log } = build(t, { operator, backups, clock });
    const asked = post('/admin/backup', { name: 'one' });
    while (finish === undefined) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(239_999);
    const line = (): unknown => log.find(({ msg }) => msg === 'an operator acted')?.['outcome'];
    assert.equal(line(), undefined);
    clock.advance(1);
    assert.equal((await asked).json().code, 'outcome_unknown');
    assert.equal(line(), 'outcome_unknown');
    finish();
  });
});
