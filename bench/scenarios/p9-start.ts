// P9: `npm start` to the first 202, and the memory of the process when it has nothing to do.
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { singleBody } from '../harness/contestants.ts';
import { createHttpClient } from '../harness/http-client.ts';
import { freePort, isListening, startProcess } from '../harness/processes.ts';
import { createScope } from '../harness/scope.ts';
import { figures } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { serviceMain } from '../servers/service.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const startTimeoutMs = 20_000;
const idleMs = 3000;

export const p9: Scenario = {
  id: 'P9',
  title: 'Start to first 202, all in one process',
  needs: [],
  async run({ schedule }) {
    const npmMs: number[] = [];
    const nodeMs: number[] = [];
    const idleMib: number[] = [];
    for (let round = 0; round < schedule.rounds; round++) {
      npmMs.push((await start('npm', ['start'])).startMs);
      const { startMs, idleMib: mib } = await start(process.execPath, [serviceMain], idleMs);
      nodeMs.push(startMs);
      idleMib.push(mib);
    }
    return {
      checks: [
        { what: '`npm start` (built) to the first 202', measured: npmMs, target: { atMost: 1500 }, unit: ' ms' },
        { what: 'memory when idle, MiB', measured: idleMib, target: { atMost: 120 } },
      ],
      tables: [
        {
          title: 'From the command to the first 202',
          columns: ['', 'ms'],
          rows: [
            ['npm start', figures(npmMs)],
            ['node dist/main.js', figures(nodeMs)],
          ],
        },
      ],
      notes: [`Memory is the resident set ${idleMs / 1000} s after a first job.`],
    };
  },
};

/** `idleMib` is the memory of the process that was started, `idleForMs` after its first 202. */
async function start(
  command: string,
  args: readonly string[],
  idleForMs = 0,
): Promise<{ startMs: number; idleMib: number }> {
  const scope = createScope();
  const port = await freePort();
  // The variables win over an .env that may lie there; an empty one counts as unset.
  const env = { BIND_ADDR: `127.0.0.1:${port}`, DATA_DIR: scope.folder(), LOG_LEVEL: 'warn', FAKTORY_URL: '' };
  const startedMs = performance.now();
  const running = await startProcess({ command, args, cwd: root, env });
  // Nothing is lost that anyone wants: it need not end in order.
  scope.use(running, () => running.stop(500));
  try {
    while (!(await isAccepting(port))) {
      const isLate = performance.now() - startedMs > startTimeoutMs;
      const failure = running.failure() ?? (isLate ? `no 202 after ${startTimeoutMs} ms` : undefined);
      if (failure !== undefined) throw new Error(failure);
      await sleep(5);
    }
    const startMs = performance.now() - startedMs;
    await sleep(idleForMs);
    return { startMs, idleMib: running.rssBytes() / 2 ** 20 };
  } finally {
    await scope.close();
  }
}

async function isAccepting(port: number): Promise<boolean> {
  if (!(await isListening(port))) return false;
  const client = createHttpClient(port);
  const { status } = await client.post('/jobs/add', singleBody);
  client.close();
  return status === 202;
}
