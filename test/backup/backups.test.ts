// A copy is whole or not there, whatever ends it.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createBackups, type BackupsOptions } from '../../src/backup/backups.ts';
import { readManifest } from '../../src/backup/manifest.ts';
import { restoreBackup } from '../../src/backup/restore.ts';
import type { CopiedRecord } from '../../src/domain/backup.ts';

const page: CopiedRecord[] = [[Buffer.from('key'), Buffer.from('value')]];

interface Opened {
  dir: string;
  backups: ReturnType<typeof createBackups>;
  ends: string[];
}

async function open(t: TestContext, changes: Partial<BackupsOptions> = {}): Promise<Opened> {
  const dir = join(await mkdtemp(join(tmpdir(), 'work-factory-')), 'backups');
  t.after(() => rm(join(dir, '..'), { recursive: true }));
  const ends: string[] = [];
  const backups = createBackups({
    dir,
    stores: [{ name: 'broker', records: inPages }],
    version: '1.2.3',
    nowMs: () => 0,
    refusal: () => undefined,
    onEnd: (report, error) => void ends.push(report?.name ?? String(error?.reason)),
    ...changes,
  });
  return { dir, backups, ends };
}

async function* inPages(): AsyncGenerator<CopiedRecord[]> {
  yield page;
}

/** A store whose next page comes, or does not, when the test says so. */
function held() {
  let onBegun = (): void => undefined;
  const begun = new Promise<void>((done) => (onBegun = done));
  let resolve: (page: CopiedRecord[]) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const rest = new Promise<CopiedRecord[]>((...ends) => ([resolve, reject] = ends));
  async function* records(): AsyncGenerator<CopiedRecord[]> {
    yield page;
    onBegun();
    yield await rest;
  }
  return { begun, resolve, reject, stores: [{ name: 'broker' as const, records }] };
}

describe('a backup', () => {
  it('has its name only once it is whole, and is the only one at a time', async (t) => {
    const { begun, resolve, stores } = held();
    const { dir, backups, ends } = await open(t, { stores });
    const copying = backups.create('one');
    await begun;
    assert.deepEqual(readdirSync(dir), ['.one.unfinished']);
    await assert.rejects(backups.create('two'), { reason: 'under_way' });
    await assert.rejects(backups.create('one'), { reason: 'under_way' });
    resolve(page);
    const { name, startedAt, bytes } = await copying;
    assert.deepEqual([name, startedAt, bytes > 0], ['one', '1970-01-01T00:00:00.000Z', true]);
    assert.deepEqual(readdirSync(dir), ['one']);
    assert.equal((await readManifest(join(dir, 'one'))).stores[0]?.records, 2);
    await assert.rejects(backups.create('one'), { reason: 'exists' });
    await backups.create('two');
    assert.deepEqual(ends, ['one', 'two']);
  });

  it('leaves nothing when the disk is full, and says so', async (t) => {
    const { begun, reject, stores } = held();
    const { dir, backups, ends } = await open(t, { stores });
    const copying = backups.create('one');
    await begun;
    reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' }));
    await assert.rejects(copying, { reason: 'failed', message: /no room under BACKUP_DIR/ });
    assert.deepEqual([readdirSync(dir), ends], [[], ['failed']]);
  });

  it('names BACKUP_DIR where that cannot be written', async (t) => {
    const { dir, backups } = await open(t);
    writeFileSync(dir, 'a file');
    await assert.rejects(backups.create('one'), { reason: 'failed', message: /BACKUP_DIR cannot be written \(E/ });
  });

  it('is given up when the service stops', async (t) => {
    const { begun, resolve, stores } = held();
    const { dir, backups } = await open(t, { stores });
    const copying = assert.rejects(backups.create('one'), { reason: 'stopped' });
    await begun;
    const closed = backups.close();
    resolve(page);
    await Promise.all([copying, closed]);
    assert.deepEqual(readdirSync(dir), []);
  });

  it('is refused while the broker cannot say what it holds', async (t) => {
    const { dir, backups } = await open(t, { refusal: () => 'not stored: the disk' });
    await assert.rejects(backups.create('one'), { reason: 'away' });
    assert.ok(!existsSync(dir));
  });

  it('removes the folder that a killed process has left, and nothing else', async (t) => {
    const { dir, backups } = await open(t);
    for (const name of ['.old.unfinished', '.other', 'whole']) mkdirSync(join(dir, name), { recursive: true });
    writeFileSync(join(dir, '.old.unfinished', 'broker.records'), 'half');
    await backups.create('one');
    assert.deepEqual(readdirSync(dir).sort(), ['.other', 'one', 'whole']);
  });
});

describe('a restore', () => {
  const restore = (from: string, to: string, make = async (): Promise<unknown> => 'made') =>
    restoreBackup({ from, to, makers: { broker: make } });

  it('refuses a folder that is no whole copy, before it makes anything', async (t) => {
    const { dir, backups } = await open(t);
    await backups.create('one');
    const to = join(dir, 'data');
    await assert.rejects(restore(dir, to), /nothing was restored: .*there is no backup.json/);
    await assert.rejects(restore(join(dir, 'gone'), to), /there is no backup.json/);
    const manifest = join(dir, 'one', 'backup.json');
    writeFileSync(join(dir, 'one', 'broker.records'), 'half');
    await assert.rejects(restore(join(dir, 'one'), to), /has 4 bytes, and not/);
    for (const [text, message] of [
      ['{"format": 2, "stores": []}', /has the format 2, this program knows 1/],
      ['{"format": 1, "stores": [{}]}', /is not what was written/],
      ['{"format": 1', /is not what was written/],
      [
        '{"format": 1, "stores": [{"name": "other", "file": "a", "bytes": 1, "records": 1, "crc32": 1}]}',
        /the store other/,
      ],
      [
        '{"format": 1, "stores": [{"name": "broker", "file": "../a", "bytes": 1, "records": 1, "crc32": 1}]}',
        /is not what/,
      ],
    ] as const) {
      writeFileSync(manifest, text);
      await assert.rejects(restore(join(dir, 'one'), to), message);
    }
    assert.ok(!existsSync(to));
  });

  it('refuses a DATA_DIR that holds anything but an earlier restore that was killed', async (t) => {
    const { dir, backups } = await open(t);
    await backups.create('one');
    const to = join(dir, 'data');
    mkdirSync(join(to, 'broker'), { recursive: true });
    await assert.rejects(restore(join(dir, 'one'), to), /is not empty, it holds broker/);
    await rm(join(to, 'broker'), { recursive: true });
    mkdirSync(join(to, '.restoring', 'broker'), { recursive: true });
    const make = async (folder = ''): Promise<unknown> => mkdirSync(folder);
    await restore(join(dir, 'one'), to, make);
    assert.deepEqual(readdirSync(to), ['broker']);
  });

  it('leaves nothing when a store cannot be made', async (t) => {
    const { dir, backups } = await open(t);
    await backups.create('one');
    const to = join(dir, 'data');
    const make = async (folder = ''): Promise<unknown> => {
      mkdirSync(folder);
      throw new Error('the disk');
    };
    await assert.rejects(restore(join(dir, 'one'), to, make), /nothing was restored: the disk/);
    assert.deepEqual(readdirSync(to), []);
  });
});
