// P7: bytes per job between the service and the broker. An exact count, not a timing.
import { batchBody, singleBody } from '../harness/contestants.ts';
import { startCountingPath } from '../harness/counting-path.ts';
import { runLoad } from '../harness/load.ts';
import type { Scope } from '../harness/scope.ts';
import type { Scenario } from '../scenario.ts';
import { startDocumented } from '../servers/peers.ts';
import { startApi, startEmbeddedBroker, type HttpServer } from '../servers/service.ts';
import * as names from './names.ts';

const batches = 20;
const singlesMax = 2000;

interface Bytes {
  perBatchedJob: number;
  perSingleJob: number;
  backPerBatchedJob: number;
}

export const p7: Scenario = {
  id: 'P7',
  title: 'Bytes per job on the way to the broker',
  needs: [],
  async run({ scope }) {
    const { port } = await startEmbeddedBroker(scope);
    const ours = await countBytes(scope, port, (path) => startApi(scope, path));
    const documented = await countBytes(scope, port, (path) => startDocumented(scope, path));
    const row = (name: string, bytes: Bytes): string[] => [
      name,
      bytes.perBatchedJob.toFixed(1),
      bytes.backPerBatchedJob.toFixed(2),
      bytes.perSingleJob.toFixed(1),
    ];
    return {
      checks: [
        {
          what: 'bytes per job, batches of 100, one-digit operands, no request_id',
          measured: [ours.perBatchedJob],
          target: { atMost: 147 },
        },
      ],
      tables: [
        {
          title: 'Bytes per job, framing included',
          columns: ['', 'to the broker, batches of 100', 'and back', 'to the broker, singles of 64 callers'],
          rows: [row('this service', ours), row(names.documented, documented)],
        },
      ],
    };
  },
};

async function countBytes(scope: Scope, port: number, start: (path: number) => Promise<HttpServer>): Promise<Bytes> {
  const path = await startCountingPath(scope, port);
  const server = await start(path.port);
  const limits = { durationMs: 10_000, port: server.port };
  // Opens what opens its connections on demand.
  await runLoad({ kind: 'http', path: '/jobs/add', body: singleBody, callers: 64, requestsMax: 200, ...limits });
  const before = { ...path };
  const batch = { kind: 'http', path: '/jobs/batch', body: batchBody(100), callers: 1, requestsMax: batches } as const;
  const batched = (await runLoad({ ...batch, ...limits })).accepted * 100;
  const between = { ...path };
  const single = { kind: 'http', path: '/jobs/add', body: singleBody, callers: 64, requestsMax: singlesMax } as const;
  const alone = (await runLoad({ ...single, ...limits })).accepted;
  return {
    perBatchedJob: (between.toBroker - before.toBroker) / batched,
    backPerBatchedJob: (between.fromBroker - before.fromBroker) / batched,
    perSingleJob: (path.toBroker - between.toBroker) / alone,
  };
}
