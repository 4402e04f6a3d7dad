// kill -9 at random moments under load: every acknowledged job is there after the restart, and no acknowledged ACK is undone.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnChild } from '../helpers/children.ts';
import { createBroker } from '../../src/broker/broker.ts';
import type { StoreError } from '../../src/broker/storage/store.ts';
import { showed } from '../faults/matrix.ts';
import { brokerFolder } from '../helpers/broker.ts';
import { until } from '../helpers/until.ts';
import { connectFwp, makeJob, type FwpClient } from './fwp-client.ts';
import { nodeArgs, programOf } from '../helpers/paths.ts';

/** FAULTS=1 makes it the long run. */
const isLong = process.env['FAULTS'] === '1';
const kills = isLong ? 200 : 5;
const loadMsMax = isLong ? 600 : 200;
/** Jobs of a PUSHB, one producer each: singles and batches. */
const bulkSizes = [1, 20, 100];

const child = programOf('test/broker/kill-child.ts');

interface Ledger {
  /** Jobs whose PUSHB was answered with {}. */
  acknowledged: Set<string>;
  /** Jobs that a FETCH brought. */
  fetched: Set<string>;
  /** Jobs whose ACK was sent: they may be gone. */
  finishing: Set<string>;
  /** Jobs whose ACK was answered: they must be gone. */
  finished: Set<string>;
}

/** Until the connection ends. */
async function produce(client: FwpClient, ledger: Ledger, bulkSize: number): Promise<never> {
  for (;;) {
    const jobs = Array.from({ length: bulkSize }, () => makeJob());
    assert.equal(await client.ask(`PUSHB ${JSON.stringify(jobs)}`), '{}');
    for (const { jid } of jobs) ledger.acknowledged.add(jid);
  }
}

async function consume(client: FwpClient, ledger: Ledger): Promise<never> {
  for (;;) {
    const reply = await client.ask('FETCH default');
    if (reply === null) continue;
    const { jid } = JSON.parse(reply) as { jid: string };
    ledger.fetched.add(jid);
    if (ledger.fetched.size % 3 === 0) continue;
    ledger.finishing.add(jid);
    assert.equal(await client.ask(`ACK {"jid":"${jid}"}`), '+OK');
    ledger.finished.add(jid);
  }
}

interface Kill {
  /** Jobs that are acknowledged before it, at least. */
  least: number;
  /** Its time after that. */
  afterMs: number;
}

/** Load on a broker in a process of its own, which is killed in the middle of it. */
async function killUnderLoad(t: TestContext, dataDir: string, honest: boolean, kill: Kill): Promise<Ledger> {
  const process_ = spawnChild(process.execPath, [...nodeArgs, child, dataDir, String(honest)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => process_.kill('SIGKILL'));
  const [port] = (await once(createInterface(process_.stdout), 'line')) as [string];
  const ledger: Ledger = { acknowledged: new Set(), fetched: new Set(), finishing: new Set(), finished: new Set() };
  const clients = await Promise.all(Array.from({ length: 5 }, () => connectFwp(t, { port: Number(port) })));
  const loads = clients.map((client, index) => {
    const bulkSize = bulkSizes[index];
    return bulkSize === undefined ? consume(client, ledger) : produce(client, ledger, bulkSize);
  });
  const ends = Promise.allSettled(loads);
  const { acknowledged, finished } = ledger;
  await until('replies', () => acknowledged.size >= kill.least && finished.size >= kill.least / 50);
  // The moment is random on purpose; nothing waits for it.
  await delay(kill.afterMs);
  process_.kill('SIGKILL');
  for (const end of await ends) {
    assert.match(String((end as PromiseRejectedResult).reason), /the connection was closed/);
  }
  return ledger;
}

/** Which jobs a broker on this folder still has, in its queue or reserved; empties it. */
async function heldJobs(
  t: TestContext,
  dataDir: string,
  ledger: Ledger,
): Promise<{ held: Set<string>; undone: number }> {
  const broker = await createBroker({ dataDir });
  const client = await connectFwp(t, { port: broker.port });
  const held = new Set<string>();
  let undone = 0;
  const reserved = await Promise.all([...ledger.acknowledged].map((jid) => client.ask(`FAIL {"jid":"${jid}"}`)));
  [...ledger.acknowledged].forEach((jid, index) => {
    if (reserved[index] !== '+OK') return;
    held.add(jid);
    if (ledger.finished.has(jid)) undone++;
  });
  const fetches = Array.from({ length: broker.recovered.queued }, () => client.ask('FETCH default'));
  const jids = (await Promise.all(fetches)).map((reply) => (JSON.parse(String(reply)) as { jid: string }).jid);
  await Promise.all(jids.map((jid) => client.ask(`ACK {"jid":"${jid}"}`)));
  for (const jid of jids) {
    held.add(jid);
    if (ledger.finished.has(jid)) undone++;
  }
  await broker.close();
  return { held, undone };
}

async function lossOf(t: TestContext, dataDir: string, honest: boolean, kill: Kill) {
  const ledger = await killUnderLoad(t, dataDir, honest, kill);
  const { held, undone } = await heldJobs(t, dataDir, ledger);
  const lost = [...ledger.acknowledged].filter((jid) => !held.has(jid) && !ledger.finishing.has(jid)).length;
  return { acknowledged: ledger.acknowledged.size, finished: ledger.finished.size, lost, undone };
}

it('loses no acknowledged job, however often it is killed under load', async (t) => {
  const dataDir = brokerFolder();
  const total = { acknowledged: 0, finished: 0 };
  for (let kill = 0; kill < kills; kill++) {
    // Some kills may come before the first reply.
    const least = kill % 5 === 0 ? 0 : 150;
    const afterMs = Math.random() * loadMsMax;
    const { acknowledged, finished, ...loss } = await lossOf(t, dataDir, true, { least, afterMs });
    assert.deepEqual(loss, { lost: 0, undone: 0 });
    total.acknowledged += acknowledged;
    total.finished += finished;
  }
  const { acknowledged, finished } = total;
  showed(
    'embedded-killed',
    `${kills} kills, ${acknowledged} jobs acknowledged, ${finished} finished: 0 lost, 0 undone`,
  );
});

it('would notice a broker that does not sync', async (t) => {
  const outcome = await lossOf(t, brokerFolder(), false, { least: 150, afterMs: 0 }).catch(
    (error: unknown) => error as StoreError,
  );
  // LevelDB may know of groups that the log has lost.
  const isNoticed = outcome instanceof Error ? outcome.code === 'damaged' : outcome.lost > 0;
  assert.ok(isNoticed, `not noticed although nothing was synced: ${JSON.stringify(outcome)}`);
  const seen = outcome instanceof Error ? 'found damaged' : `${outcome.lost} jobs found missing`;
  showed('embedded-unsynced', `1 kill: ${seen}`);
});
