// The job queues with an HTTP API of their own, where variables name their programs: ZIZQ_BIN (zizq 0.6.1, `cargo build
// --release`), and BUNQUEUE_BIN (bunqueue 2.9.5 from npm, with Bun's folder on the PATH). Both store jobs themselves and are
// asked to sync before they answer, as a 202 of this service means.
import type { Contestant } from '../harness/contestants.ts';
import { batches, singles } from '../harness/contestants.ts';
import type { Counter } from '../harness/counts.ts';
import { createHttpClient, type HttpClient } from '../harness/http-client.ts';
import type { LoadLimits } from '../harness/load.ts';
import { freePort, startProcess } from '../harness/processes.ts';
import type { Scope } from '../harness/scope.ts';
import type { HttpServer } from './service.ts';

export interface Rival {
  name: string;
  server: HttpServer;
  counter: Counter;
  single: { path: string; body: string };
  batchOf(jobs: number): { path: string; body: string };
}

export const zizq = 'zizq, fsync';
export const bunqueue = 'bunqueue, durable';

/** zizq needs 17 s to delete 288,000 jobs. The queue is counted before and after each turn, and keeps its jobs. */
const leaveJobs = async (): Promise<void> => undefined;

const pair = { a: 1, b: 2 };
const repeat = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

async function openClient(scope: Scope, port: number): Promise<HttpClient> {
  return scope.use(createHttpClient(port), (client) => client.close());
}

async function startZizq(scope: Scope, command: string): Promise<Rival> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const ports = ['--port', String(port), '--admin-port', String(adminPort)];
  const args = ['serve', ...ports, '--root-dir', scope.folder(), '--enqueue-commit-mode', 'fsync'];
  const running = await startProcess({ command, args, port });
  const process = scope.use(running, () => running.stop());
  const client = await openClient(scope, port);
  const job = { queue: 'default', type: 'add', payload: pair };
  return {
    name: zizq,
    server: { port, process },
    single: { path: '/jobs', body: JSON.stringify(job) },
    batchOf: (jobs) => ({ path: '/jobs/bulk', body: JSON.stringify({ jobs: repeat(jobs, job) }) }),
    counter: {
      queued: async () => (JSON.parse((await client.get('/jobs/count')).body) as { count: number }).count,
      clear: leaveJobs,
    },
  };
}

async function startBunqueue(scope: Scope, command: string): Promise<Rival> {
  const [port, tcpPort] = [await freePort(), await freePort()];
  const folder = scope.folder();
  const env = { PATH: process.env['PATH'] ?? '', DATA_PATH: `${folder}/queue.db`, HOST: '127.0.0.1' };
  const args = ['start', '--http-port', String(port), '--tcp-port', String(tcpPort), '--data-path', env.DATA_PATH];
  const running = await startProcess({ command, args, env, port, cwd: folder });
  const owned = scope.use(running, () => running.stop());
  const client = await openClient(scope, port);
  const job = { name: 'add', data: pair, durable: true };
  return {
    name: bunqueue,
    server: { port, process: owned },
    single: { path: '/queues/default/jobs', body: JSON.stringify(job) },
    batchOf: (jobs) => ({ path: '/queues/default/jobs/bulk', body: JSON.stringify({ jobs: repeat(jobs, job) }) }),
    counter: {
      queued: async () => {
        const { counts } = JSON.parse((await client.get('/queues/default/counts')).body) as {
          counts: { waiting: number };
        };
        return counts.waiting;
      },
      clear: leaveJobs,
    },
  };
}

/** Starts each rival whose variable names a program. */
export async function startRivals(scope: Scope): Promise<Rival[]> {
  const { ZIZQ_BIN, BUNQUEUE_BIN } = process.env;
  return [
    ...(ZIZQ_BIN === undefined ? [] : [await startZizq(scope, ZIZQ_BIN)]),
    ...(BUNQUEUE_BIN === undefined ? [] : [await startBunqueue(scope, BUNQUEUE_BIN)]),
  ];
}

export const rivalSingles = ({ name, server, single, counter }: Rival, limits: LoadLimits): Contestant =>
  singles(name, server, limits, counter, single);

export const rivalBatches = (rival: Rival, jobs: number, limits: LoadLimits): Contestant => ({
  ...batches(rival.name, rival.server, jobs, limits, rival.counter),
  load: { kind: 'http', port: rival.server.port, ...rival.batchOf(jobs), ...limits },
});
