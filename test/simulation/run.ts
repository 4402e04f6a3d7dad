// Runs the simulation from the command line.
//   node --import tsx test/simulation/run.ts --seeds 10000 [--from 1]   many seeds, on two processes
//   node --import tsx test/simulation/run.ts --seed 4711                one seed, twice, with its whole log
//   node --import tsx test/simulation/run.ts --mutants                  every planted bug must be caught within 500 seeds
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutants, plant } from './mutants.ts';
import { createPlan } from './plan.ts';
import { simulate } from './simulate.ts';
import { loadSubject } from './subject.ts';
import { add, emptyTally, rarities, runSeeds, type Tally } from './tally.ts';
import { forkChild } from '../helpers/children.ts';
import { nodeArgs } from '../helpers/paths.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    /** Internal: the seeds of one child process are `from`, `from + step`, ... */
    step: { type: 'string' },
  },
});

const mutantSeedsMax = 500;
/** More would only slow down whatever else runs on the machine. */
const processesMax = 2;
/** A bug is understood from its first cases. */
const violationsShownMax = 20;

function* range(first: number, count: number, step: number): Generator<number> {
  for (let seed = first; seed < first + count; seed += step) yield seed;
}

async function runOne(seed: number): Promise<boolean> {
  const subject = await loadSubject();
  const first = await simulate(subject, seed, true);
  const second = await simulate(subject, seed);
  console.log(JSON.stringify(createPlan(seed)));
  console.log(first.lines.join('\n'));
  console.log(`hash ${first.hash}${first.hash === second.hash ? ', the same again' : `, then ${second.hash}`}`);
  console.log(first.violation ? `${first.violation.name}: ${first.violation.detail}` : 'no violation');
  return first.violation === undefined && first.hash === second.hash;
}

async function runMany(from: number, count: number): Promise<boolean> {
  const startedMs = performance.now();
  const tally = emptyTally();
  const processes = Math.min(processesMax, availableParallelism());
  await Promise.all(
    Array.from({ length: processes }, async (_, index) => {
      const args = ['--from', `${from + index}`, '--seeds', `${count - index}`, '--step', `${processes}`];
      const child = forkChild(fileURLToPath(import.meta.url), args, { execArgv: [...nodeArgs] });
      const [part] = (await once(child, 'message')) as [Tally];
      add(tally, part);
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const rare = rarities(tally);
  for (const [name, value] of Object.entries(tally.counts).sort()) console.log(`${String(value).padStart(9)} ${name}`);
  for (const line of rare) console.log(`TOO RARE: ${line}`);
  for (const { seed, name, detail } of tally.violations.slice(0, violationsShownMax)) {
    console.log(`VIOLATION in seed ${seed}: ${name}: ${detail}`);
  }
  console.log(
    `${tally.seeds} seeds from ${from} in ${seconds.toFixed(1)} s on ${processes} processes: ` +
      `${tally.violations.length} violations; ${(tally.events / 1e6).toFixed(2)} million events, ` +
      `${(tally.virtualMs / 3_600_000).toFixed(0)} hours of virtual time; ${tally.replayed} seeds run twice`,
  );
  return tally.violations.length === 0 && rare.length === 0;
}

async function runMutants(from: number): Promise<boolean> {
  let caught = 0;
  for (const mutant of mutants) {
    const { subject, dispose } = await plant(mutant);
    let found: string | undefined;
    for (const seed of range(from, mutantSeedsMax, 1)) {
      const { violation } = await simulate(subject, seed);
      if (violation === undefined) continue;
      const seeds = seed - from + 1;
      found = `${seeds} ${seeds === 1 ? 'seed' : 'seeds'}: ${violation.name}`;
      break;
    }
    dispose();
    if (found !== undefined) caught++;
    console.log(`${found === undefined ? 'MISSED' : 'caught'} "${mutant.name}"${found ? ` after ${found}` : ''}`);
  }
  console.log(`${caught} of ${mutants.length} planted bugs caught within ${mutantSeedsMax} seeds each`);
  return caught === mutants.length;
}

async function main(): Promise<boolean> {
  const from = Number(values.from);
  if (values.seed !== undefined) return runOne(Number(values.seed));
  if (values.mutants) return runMutants(from);
  if (values.step === undefined) return runMany(from, Number(values.seeds));
  const tally = await runSeeds(await loadSubject(), range(from, Number(values.seeds), Number(values.step)));
  process.send?.(tally);
  return true;
}

process.exitCode = (await main()) ? 0 : 1;
