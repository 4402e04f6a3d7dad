// Where the API process spends its time under the load of P1: runs it with --cpu-prof and sums up the functions' self time.
// Usage: node --import tsx bench/profile.ts [faktory | embedded | all-in-one] [singles | keyed | batches]
// The profile itself (for the browser's developer tools) is left in the folder that is printed.
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchBody, singleBody } from './harness/contestants.ts';
import { runLoad, stopLoadGenerator, type Load } from './harness/load.ts';
import { createScope, type Scope } from './harness/scope.ts';
import { startFaktory } from './servers/faktory.ts';
import { startAllInOne, startApi, startEmbeddedBroker, type HttpServer } from './servers/service.ts';

const warmUpMs = 1500;
const durationMs = 5000;
const shownLines = 30;
const monotonicUs = (): number => Number(process.hrtime.bigint() / 1000n);

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  /** Monotonic clock, microseconds; so are `timeDeltas`, each from the sample before. */
  startTime: number;
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
    : {
        kind: 'http',
        port: server.port,
        path: '/jobs/add',
        body: singleBody,
        hasKeys: kind === 'keyed',
        callers: 64,
        durationMs,
      };
await runLoad({ ...load, durationMs: warmUpMs });
const fromUs = monotonicUs();
const { accepted, elapsedMs } = await runLoad(load);
const toUs = monotonicUs();
console.log(`${broker}, ${kind}: ${Math.round((accepted / elapsedMs) * 1000)} requests/s`);
await scope.close();
stopLoadGenerator();
for (const file of readdirSync(folder)) summarize(file);

async function startServer(owner: Scope): Promise<HttpServer> {
  if (broker === 'all-in-one') return startAllInOne(owner, { queues: 'idle', nodeArgs });
  const { port } = broker === 'faktory' ? await startFaktory(owner) : await startEmbeddedBroker(owner);
  return startApi(owner, port, { nodeArgs });
}

/** One file per thread: the main one and, in the all-in-one, the broker's. Counts what was sampled under load. */
function summarize(file: string): void {
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byFunction = new Map<string, number>();
  const byOwner = new Map<string, number>();
  let atUs = profile.startTime;
  profile.samples.forEach((id, index) => {
    // A sample stands for the time until the next one.
    const us = profile.timeDeltas[index + 1] ?? 0;
    atUs += profile.timeDeltas[index] ?? 0;
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === '(idle)' || atUs < fromUs || atUs > toUs) return;
    const place = placeOf(frame.url);
    add(byFunction, `${frame.functionName || '(anonymous)'} ${place}:${frame.lineNumber + 1}`, us);
    add(byOwner, ownerOf(place), us);
  });
  const total = [...byOwner.values()].reduce((sum, us) => sum + us, 0);
  console.log(`\n${join(folder, file)}: ${(total / 1e6).toFixed(2)} s busy of ${((toUs - fromUs) / 1e6).toFixed(2)} s`);
  print(byOwner, total);
  console.log('');
  print(byFunction, total);
}

function add(sums: Map<string, number>, key: string, us: number): void {
  sums.set(key, (sums.get(key) ?? 0) + us);
}

function print(sums: ReadonlyMap<string, number>, total: number): void {
  const sorted = [...sums].sort(([, a], [, b]) => b - a).slice(0, shownLines);
  for (const [name, us] of sorted) {
    const share = ((us / total) * 100).toFixed(1).padStart(5);
    console.log(`${share} %  ${(us / accepted).toFixed(2).padStart(6)} us/request  ${name}`);
  }
}

function placeOf(url: string): string {
  return url.replace(/^.*\/node_modules\//, '').replace(/^.*\/dist\//, 'dist/');
}

/** `dist/http`, `fastify`, `node:internal/streams`; native code and the collector have no place. */
function ownerOf(place: string): string {
  if (place === '') return '(native, collector)';
  return place
    .split('/')
    .slice(0, /^(dist|node:|@)/.test(place) ? 2 : 1)
    .join('/');
}
