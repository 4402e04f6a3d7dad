// The simulation as part of the test run: some hundred seeds of the real client, and some planted bugs that must be caught.
// FAULTS=1 runs ten thousand, and all planted bugs, through run.ts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { caught, showed } from '../faults/matrix.ts';
import { changedFiles, mutants, plant } from './mutants.ts';
import { simulate } from './simulate.ts';
import { loadSubject } from './subject.ts';
import { rarities, runSeeds } from './tally.ts';
import { execChild } from '../helpers/children.ts';
import { nodeArgs, programOf } from '../helpers/paths.ts';

const isFull = process.env['FAULTS'] === '1';
const onlyFull = !isFull && 'FAULTS=1 only: some minutes';

/** What run.ts prints, line by line; rejects, with all of it, when it found something. */
async function runLong(...args: string[]): Promise<string[]> {
  const run = programOf('test/simulation/run.ts');
  const { stdout } = await execChild(process.execPath, [...nodeArgs, run, ...args]);
  return stdout.trim().split('\n');
}

const replay = (seed: number): string => `node --import tsx test/simulation/run.ts --seed ${seed}`;

/** Caught in a few seeds each, and of four kinds: a reply too early, a wrong match, a wrong class, a lost caller. */
const fastMutants = [
  'acknowledges at the write',
  'matches a reply to the second oldest command',
  'takes any error for a refusal',
  'closes without waiting for what is under way',
];

async function firstViolation(name: string, seedsMax: number): Promise<string | undefined> {
  const mutant = mutants.find((one) => one.name === name);
  assert.ok(mutant, `no mutant "${name}"`);
  const { subject, dispose } = await plant(mutant);
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const { violation } = await simulate(subject, seed);
      if (violation) return violation.name;
    }
    return undefined;
  } finally {
    dispose();
  }
}

describe('the simulated client', () => {
  it('keeps every promise in 200 schedules of faults, in which all that matters happens', async () => {
    const seeds = Array.from({ length: 200 }, (_, index) => index + 1);
    const tally = await runSeeds(await loadSubject(), seeds);
    const [first] = tally.violations;
    assert.equal(first, undefined, first && `${first.name}: ${first.detail}; ${replay(first.seed)}`);
    assert.deepEqual(rarities(tally), []);
    assert.ok(tally.replayed >= 2);
    if (!isFull) showed('simulation', `${tally.seeds} schedules: 0 violations`);
  });

  it('keeps every promise in 10,000', { skip: onlyFull }, async () => {
    showed('simulation', String((await runLong('--seeds', '10000')).at(-1)));
  });

  it('runs the same way again from the same seed, event by event', async () => {
    const subject = await loadSubject();
    const first = await simulate(subject, 8, true);
    const second = await simulate(subject, 8, true);
    assert.ok(first.lines.length > 100);
    assert.deepEqual(second.lines, first.lines);
    assert.equal(second.hash, first.hash);
    assert.notEqual((await simulate(subject, 9)).hash, first.hash);
  });

  for (const name of fastMutants) {
    it(`catches a client that ${name}`, async () => {
      assert.notEqual(await firstViolation(name, 100), undefined);
    });
  }

  it('catches every planted bug', { skip: onlyFull }, async () => {
    const lines = await runLong('--mutants');
    for (const line of lines) {
      const [, name, seen] = /^caught "(.+)" after (.+)$/.exec(line) ?? [];
      if (name !== undefined && seen !== undefined) caught(name, `after ${seen}`);
    }
    showed('planted-bugs', String(lines.at(-1)));
  });

  it('has more than twenty planted bugs, each of which still changes the code it was written for', () => {
    assert.ok(mutants.length > 20);
    for (const mutant of mutants) assert.ok(changedFiles(mutant).size > 0);
  });
});
