// Runs the scenarios one after another and says what they found. Usage: node --import tsx bench/run.ts
//   --only P1,P3   these scenarios      --quick   all targets in three minutes, with shorter turns
//   --rounds 5     instead of 3, each with new processes (not with --quick)
//   --write        a whole run, into docs/benchmarks.md with its pictures (a quick one leaves the curves out)
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { realParts } from '../test/helpers/real-parts.ts';
import { stopLoadGenerator } from './harness/load.ts';
import { createScope } from './harness/scope.ts';
import { machineFacts } from './report/machine.ts';
import { printFindings } from './report/print.ts';
import { writeDocument, type Entry } from './report/document.ts';
import type { Bench, Scenario } from './scenario.ts';
import { scenarios } from './scenarios/all.ts';
import { installPeers } from './servers/peers.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean' },
    write: { type: 'boolean' },
  },
});
const isQuick = values.quick === true;
const wanted = values.only?.split(',');
const unknown = wanted?.filter((id) => !scenarios.some((scenario) => scenario.id === id)) ?? [];
if (unknown.length > 0)
  fail(`no scenario ${unknown.join(', ')}: there are ${scenarios.map(({ id }) => id).join(', ')}`);
if (values.write === true && (wanted || isQuick)) fail('--write takes a whole run: not --only, not --quick');

const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 20) fail('--rounds takes a number from 1 to 20');

const schedule: Bench['schedule'] = isQuick
  ? { rounds: 3, turnMs: 800, warmUpMs: 500, startsAfresh: false }
  : { rounds, turnMs: 2500, warmUpMs: 4000, startsAfresh: true };
// Three rounds with all rivals take three quarters of an hour.
const timeLimitMs = isQuick ? 5 * 60_000 : 90 * 60_000;
setTimeout(() => fail(`the bench took more than ${timeLimitMs / 60_000} minutes`), timeLimitMs).unref();

const root = fileURLToPath(new URL('..', import.meta.url));
execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
installPeers();
const facts = machineFacts();
for (const [name, value] of facts) console.log(`${name}: ${value}`);

const entries: Entry[] = [];
let hasFailed = false;
const chosen = scenarios.filter(({ id, isLong }) => (wanted ? wanted.includes(id) : !(isQuick && isLong)));
for (const scenario of chosen) entries.push(await runScenario(scenario));
stopLoadGenerator();
if (values.write === true && !hasFailed) writeDocument(root, facts, schedule, entries);
// A miss is a finding, not a failure of the bench.
process.exit(hasFailed ? 1 : 0);

async function runScenario(scenario: Scenario): Promise<Entry> {
  console.log(`\n=== ${scenario.id}: ${scenario.title}`);
  const missing = realParts().filter(
    ({ name, available }) => !available && scenario.needs.some((need) => need === name),
  );
  if (missing.length > 0) {
    const skipped = missing.map(({ name, reason }) => `no ${name} (${reason})`).join(', ');
    console.log(`SKIPPED, NOT MEASURED: ${skipped}`);
    return { scenario, skipped };
  }
  const scope = createScope();
  const startedMs = performance.now();
  try {
    const findings = await scenario.run({ scope, schedule, isQuick });
    printFindings(findings);
    return { scenario, findings };
  } catch (error) {
    console.error('FAILED:', error);
    hasFailed = true;
    return { scenario, skipped: `failed: ${String(error)}` };
  } finally {
    await scope.close();
    console.log(`(${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
  }
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}
