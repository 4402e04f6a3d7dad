// Requests with keys drawn from seeds, over processes that are killed, a store of keys that loses what it is told and a
// broker whose outcomes are unknown: never a second job, never "enqueued" without one. Planted bugs show that the checker sees.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Job } from '../../../src/domain/job.ts';
import type { KeyStore } from '../../../src/domain/keys.ts';
import { enqueued, refused, unknown } from '../../../src/domain/producer.ts';
import { build, type BuiltApp } from '../../helpers/app.ts';
import type { Decision } from '../../helpers/recording-producer.ts';
import { createRandom } from '../../simulation/random.ts';
import { createModelKeys, plantedBugs, type PlantedBug } from './model-keys.ts';

const seeds = 40;
const requestsPerSeed = 40;
const keyNames = ['a', 'b', 'c', 'd'];

interface Stored {
  jid: string;
  key: string;
  a: number;
}

interface Run {
  violations: string[];
  statuses: Set<number>;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Subject {
  app: BuiltApp;
  /** What its store of keys is at present. */
  use(store: KeyStore): void;
}

/** One for all runs: a process keeps nothing about keys but what the store was not told yet. */
async function open(t: TestContext): Promise<Subject> {
  let present: KeyStore | undefined;
  const keys: KeyStore = {
    durability: 'fsync',
    claim: (claims) => (present as KeyStore).claim(claims),
    attach: () => undefined,
    settle: (settlements) => (present as KeyStore).settle(settlements),
    check: () => (present as KeyStore).check(),
    close: () => Promise.resolve(),
  };
  const app = build(t, { keys, logLevel: 'silent' });
  await app.app.ready();
  return { app, use: (store) => void (present = store) };
}

async function run({ app, use }: Subject, seed: number, bug?: PlantedBug): Promise<Run> {
  const random = createRandom(seed);
  const faultRate = random.pick([0, 0.1, 0.3]);
  const model = createModelKeys(random, faultRate, bug);
  const stored: Stored[] = [];
  const ids = new Map<string, Set<string>>();
  const result: Run = { violations: [], statuses: new Set() };
  /** Each body names its key: `request_id` of the job. */
  function store({ jid, encoded }: Job): void {
    const { a, request_id: key } = (JSON.parse(encoded) as { args: [{ a: number; request_id: string }] }).args[0];
    stored.push({ jid, key, a });
  }

  function decide(job: Job): Decision {
    const kind = random.pick([
      'stored',
      'stored',
      'refused',
      'unknown and stored',
      'unknown',
      'killed',
      'killed and stored',
    ]);
    if (kind.includes('stored')) store(job);
    if (kind.startsWith('killed')) return 'hang';
    if (kind.startsWith('unknown')) return unknown('no reply');
    return kind === 'refused' ? refused('broker_unavailable', 'away') : enqueued;
  }

  function check(key: string, a: number, status: number, body: Record<string, unknown>): void {
    result.statuses.add(status);
    if (status !== 202) return;
    const jid = String(body['job_id']);
    const known = ids.get(key) ?? new Set();
    ids.set(key, known.add(jid));
    const job = stored.find((one) => one.jid === jid);
    if (job === undefined) result.violations.push(`enqueued without a job: ${key}`);
    else if (job.a !== a) result.violations.push(`answered for another body: ${key}`);
    if (known.size > 1) result.violations.push(`two responses: ${key}`);
  }

  use(model.store);
  app.producer.decide(decide);
  for (let request = 0; request < requestsPerSeed; request++) {
    model.step();
    const key = random.pick(keyNames);
    const other = random.chance(0.1) ? 1 : 0;
    const calls = app.producer.calls.length;
    const asked = app.post('/jobs/add', { a: other, b: 2, request_id: key }, { 'idempotency-key': key });
    let response: Awaited<typeof asked> | undefined;
    void asked.then((one) => (response = one));
    for (let turns = 0; response === undefined && turns < 50; turns++) await turn();
    if (response) check(key, other, response.statusCode, response.json());
    else {
      assert.equal(app.producer.calls.length, calls + 1, 'only what hangs has no response');
      // Its process is killed, and with it what the store was not told yet.
      model.forgetLost();
    }
    if (random.chance(0.2)) model.tellLost();
  }
  for (const key of keyNames) {
    const copies = stored.filter((one) => one.key === key).length;
    if (copies > 1) result.violations.push(`${copies} jobs: ${key}`);
  }
  return result;
}

describe('requests with keys, by seed', () => {
  it(`make no second job and give no false response in ${seeds} runs, in which everything happens`, async (t) => {
    const subject = await open(t);
    const statuses = new Set<number>();
    for (let seed = 1; seed <= seeds; seed++) {
      const one = await run(subject, seed);
      assert.deepEqual(one.violations, [], `seed ${seed}`);
      for (const status of one.statuses) statuses.add(status);
    }
    assert.deepEqual([...statuses].sort(), [202, 409, 422, 503, 504]);
  });

  for (const bug of plantedBugs) {
    it(`show a store that ${bug}`, async (t) => {
      const subject = await open(t);
      let seed = 1;
      while (seed <= seeds && (await run(subject, seed, bug)).violations.length === 0) seed++;
      assert.ok(seed <= seeds, 'no seed shows it');
    });
  }
});
