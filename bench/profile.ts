// Where the API process spends its time under the load of P1: runs it with --cpu-prof and sums up the functions' self time.
// Usage: node --import tsx bench/profile.ts [faktory | embedded | all-in-one] [singles | batches]
// The profile itself (for the browser's developer tools) is left in the folder that is printed.
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchBody, singleBody } from './harness/contestants.ts';
import { runLoad, stopLoadGenerator, type Load } from './harness/load.ts';
import { createScope, type Scope } from './harness/scope.ts';
import { startFaktory } from './servers/faktory.ts';
import { startAllInOne, startApi, startEmbeddedBroker, type HttpServer } from './servers/service.ts';

const durationMs = 5000;
const shownFunctions = 25;

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

const [broker = 'embedded', kind = 'singles'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'profile-'));
const nodeArgs = ['--cpu-prof', '--cpu-prof-dir', folder];
const scope = createScope();
const server = await startServer(scope);
const load: Load =
  kind === 'batches'
    ? { kind: 'http', port: server.port, path: '/jobs/batch', body: batchBody(100), callers: 8, durationMs }
    : { kind: 'http', port: server.port, path: '/jobs/add', body: singleBody, callers: 64, durationMs };
const { accepted, elapsedMs } = await runLoad(load);
console.log(`${broker}, ${kind}: ${Math.round((accepted / elapsedMs) * 1000)} requests/s`);
await scope.close();
stopLoadGenerator();
for (const file of readdirSync(folder)) summarize(file);
process.exit(0);

async function startServer(owner: Scope): Promise<HttpServer> {
  if (broker === 'all-in-one') return startAllInOne(owner, 'idle', nodeArgs);
  const { port } = broker === 'faktory' ? await startFaktory(owner) : await startEmbeddedBroker(owner);
  return startApi(owner, port, nodeArgs);
}

/** One file per thread: the main one and, in the all-in-one, the broker's. */
function summarize(file: string): void {
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const selfUs = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const name = names.get(id) ?? '';
    selfUs.set(name, (selfUs.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
  });
  selfUs.delete('(idle)');
  const total = [...selfUs.values()].reduce((sum, us) => sum + us, 0);
  console.log(`\n${join(folder, file)}: ${(total / 1e6).toFixed(2)} s busy`);
  const sorted = [...selfUs].sort(([, a], [, b]) => b - a).slice(0, shownFunctions);
  for (const [name, us] of sorted) {
    console.log(
      `${((us / total) * 100).toFixed(1).padStart(5)} %  ${(us / accepted).toFixed(2).padStart(6)} us/request  ${name}`,
    );
  }
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const place = url.replace(/^.*\/node_modules\//, '').replace(/^.*\/dist\//, 'dist/');
  return `${functionName || '(anonymous)'}${place === '' ? '' : ` ${place}:${lineNumber + 1}`}`;
}
