// The regression guard: CPU time per single request of the API process, as a multiple of bare Fastify's in the same run.
// Not a timing: other work on the machine slows both alike and adds little CPU time (docs/decisions/0007-benchmarks.md).
// Usage: npm run bench:guard; exits with 1 above the limit.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compareCpu } from './harness/comparison.ts';
import { singles, takeTurns } from './harness/contestants.ts';
import { useFaktoryCounter } from './harness/counts.ts';
import { stopLoadGenerator } from './harness/load.ts';
import { createScope } from './harness/scope.ts';
import { printFindings } from './report/print.ts';
import { passes, problemsOf, turnsTable } from './report/tables.ts';
import * as names from './scenarios/names.ts';
import { installPeers, startBareFastify } from './servers/peers.ts';
import { startApi, startEmbeddedBroker } from './servers/service.ts';

/**
 * For the lowest of the rounds, because disturbances only add. 1.7 to 2.4 was seen, the higher the busier machine and disk
 * were; one job per frame gives 3.8.
 */
const limit = 3;
const schedule = { rounds: 3, turnMs: 1000, warmUpMs: 1500, startsAfresh: false };
const timeLimitMs = 90_000;

setTimeout(() => {
  console.error(`the guard took more than ${timeLimitMs / 1000} s`);
  process.exit(1);
}, timeLimitMs).unref();

execFileSync('npm', ['run', '--silent', 'build'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  stdio: 'inherit',
});
installPeers();
const scope = createScope();
try {
  const { port } = await startEmbeddedBroker(scope);
  const counter = await useFaktoryCounter(scope, port);
  const limits = { callers: 64, durationMs: schedule.turnMs };
  const turns = await takeTurns(
    [
      singles(names.bare, await startBareFastify(scope), limits),
      singles(names.onEmbedded, await startApi(scope, port), limits, counter),
    ],
    schedule,
  );
  const compared = compareCpu(turns, names.onEmbedded, names.bare, { atMost: limit });
  const check = { ...compared, what: `lowest round, ${compared.what}`, measured: [Math.min(...compared.measured)] };
  const problems = problemsOf(turns);
  printFindings({ checks: [check], tables: [turnsTable('Single jobs, 64 callers', turns)], notes: problems });
  process.exitCode = passes(check) && problems.length === 0 ? 0 : 1;
} finally {
  await scope.close();
  stopLoadGenerator();
}
