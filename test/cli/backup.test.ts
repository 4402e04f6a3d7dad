// `work-factory backup`, against a server that answers as the service does, and `restore` of what the program has copied.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createBackups } from '../../src/backup/backups.ts';
import { stored } from '../../src/broker/storage/stored.ts';
import { brokerFolder, startBroker } from '../helpers/broker.ts';
import { cli } from './cli.ts';
import { goneUrl, respond, startServer } from './scripted-server.ts';

const made = { name: 'one', started_at: '2026-11-30T08:00:00.000Z', bytes: 12, seconds: 0.5 };

const back = async (t: TestContext, status: number, body: object, ...args: string[]) => {
  const asked: unknown[] = [];
  const url = await startServer(t, (request, response) => {
    asked.push([request.method, request.url, request.headers.authorization]);
    respond(response, status, body);
  });
  const env = { WORK_FACTORY_API_KEY: 'admin-key-of-16-b' };
  return { ...(await cli(['backup', 'one', '--url', url, ...args], { env })), asked };
};

describe('work-factory backup', () => {
  it('prints what was copied', async (t) => {
    const { code, out, err, asked } = await back(t, 200, made);
    assert.deepEqual([code, out, err], [0, 'one: 12 bytes in 0.5 s\n', '']);
    assert.deepEqual(asked, [['POST', '/admin/backup', 'Bearer admin-key-of-16-b']]);
    assert.deepEqual(JSON.parse((await back(t, 200, made, '--json')).out), made);
  });

  it('says that there is no copy, or that nobody knows, and asks once', async (t) => {
    const refused = await back(t, 409, { code: 'backup_exists', detail: 'There is a copy one already' });
    assert.deepEqual([refused.code, refused.err], [1, 'There is a copy one already (backup_exists)\n']);
    const missing = await back(t, 404, { code: 'not_found', detail: 'There is nothing at this path' });
    assert.equal(missing.code, 1);
    assert.match(missing.err, /^No copy was made: BACKUP_DIR is not set where the service runs\. .* \(not_found\)\n$/);
    const late = await back(t, 504, { code: 'outcome_unknown', detail: 'Not done' });
    assert.deepEqual([late.code, late.asked.length], [3, 1]);
    assert.match(late.err, /^Not done \(outcome_unknown\)\. The log of the service says how it ends\n$/);
    assert.equal((await cli(['backup', 'one', '--url', await goneUrl()])).code, 4);
  });

  it('refuses a name that is a path before it asks', async () => {
    const { code, err } = await cli(['backup', '../one', '--url', await goneUrl()]);
    assert.equal(code, 2);
    assert.match(err, /NAME has 1 to 100 letters/);
  });
});

describe('work-factory restore', () => {
  it('makes DATA_DIR of a copy and says what it holds; where there is something it does nothing', async (t) => {
    const folder = brokerFolder();
    const broker = await startBroker(t, { dataDir: join(folder, 'data') });
    const { engine } = broker;
    engine.state().queue('slow').setPaused(true);
    await stored(engine.ledger);
    const backups = createBackups({
      dir: join(folder, 'backups'),
      stores: [{ name: 'broker', records: () => engine.records() }],
      version: '1.2.3',
      nowMs: () => 0,
      refusal: () => undefined,
      onEnd: () => undefined,
    });
    await backups.create('one');
    const to = join(folder, 'restored');
    const run = (...args: string[]) =>
      cli(['restore', join(folder, 'backups', 'one'), ...args], { env: { DATA_DIR: to } });
    const { code, out, err } = await run();
    assert.deepEqual([code, err], [0, '']);
    assert.deepEqual(out.trimEnd().split('\n'), [
      `one, begun 1970-01-01T00:00:00.000Z, is restored into ${to}`,
      'queue slow: 0 jobs',
      'scheduled: 0 jobs',
      'retries: 0 jobs',
      'dead: 0 jobs',
      'working: 0 jobs',
    ]);
    assert.deepEqual(readdirSync(to), ['broker']);
    const again = await run('--json');
    assert.deepEqual([again.code, again.out], [1, '']);
    assert.match(again.err, /DATA_DIR .* is not empty, it holds broker/);
  });

  it('leaves DATA_DIR as it is when the copy is not whole', async () => {
    const folder = brokerFolder();
    mkdirSync(join(folder, 'copy'));
    writeFileSync(join(folder, 'copy', 'broker.records'), 'half');
    const { code, err } = await cli(['restore', join(folder, 'copy')], { env: { DATA_DIR: join(folder, 'data') } });
    assert.equal(code, 1);
    assert.match(err, /nothing was restored: .* is not a whole copy: there is no backup\.json/);
    assert.deepEqual(readdirSync(folder), ['copy']);
  });
});
