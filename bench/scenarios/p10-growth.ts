// P10: the embedded broker as its queue grows: time per job, memory per job, and the start on what lies on disk.
import { useFaktoryCounter } from '../harness/counts.ts';
import { fillQueue } from '../harness/queue-filling.ts';
import { openFaktoryLink, type RespLink } from '../harness/resp-link.ts';
import { createScope } from '../harness/scope.ts';
import { median } from '../harness/stats.ts';
import { figures } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startEmbeddedBroker } from '../servers/service.ts';

const depths = [1000, 10_000, 100_000, 1_000_000] as const;
const portion = 5000;
const warmUpPortions = 8;
/** Enough for every sync to carry several acknowledgements. */
const consumers = 50;

interface Depth {
  depth: number;
  pushUs: number[];
  consumeUs: number[];
  rssBytes: number;
}

export const p10: Scenario = {
  id: 'P10',
  title: 'Growth of the queue, embedded broker',
  needs: [],
  async run({ scope, isQuick }) {
    const dataDir = scope.folder();
    const repeats = isQuick ? 3 : 15;
    const measured = await measureDepths(dataDir, repeats);
    const recovery = await measureRecovery(dataDir);
    const smallest = measured[0] as Depth;
    const deepest = measured.at(-1) as Depth;
    const perJob = (deepest.rssBytes - smallest.rssBytes) / (deepest.depth - smallest.depth);
    const growth = (key: 'pushUs' | 'consumeUs'): number =>
      Math.max(...measured.map((depth) => median(depth[key]))) / median(smallest[key]);
    return {
      checks: [
        {
          what: 'time to push a job, slowest depth against 1,000',
          measured: [growth('pushUs')],
          target: { atMost: 1.15 },
        },
        {
          what: 'time to fetch and acknowledge a job, slowest depth against 1,000',
          measured: [growth('consumeUs')],
          target: { atMost: 1.15 },
        },
        { what: "growth of the broker's resident memory per job, bytes", measured: [perJob], target: { atMost: 400 } },
      ],
      tables: [
        {
          title: 'By jobs in the queue',
          columns: ['jobs queued', 'us per job pushed', 'us per job fetched and acknowledged', 'resident MiB'],
          rows: measured.map(({ depth, pushUs, consumeUs, rssBytes }) => [
            depth.toLocaleString('en-US'),
            figures(pushUs),
            figures(consumeUs),
            (rssBytes / 2 ** 20).toFixed(0),
          ]),
        },
        {
          title: 'Start on that folder, with the whole queue',
          columns: ['', 'until it answers, ms', 'jobs there'],
          rows: [['node dist/main.js broker', recovery.elapsedMs.toFixed(0), recovery.jobs.toLocaleString('en-US')]],
        },
      ],
      charts: [
        {
          kind: 'lines',
          name: 'growth',
          title: 'Time per job by jobs in the queue, embedded broker',
          xLabel: 'jobs in the queue',
          yLabel: 'microseconds per job',
          lines: [
            { label: 'push, frames of 100', points: measured.map(({ depth, pushUs }) => [depth, median(pushUs)]) },
            {
              label: 'fetch and acknowledge',
              points: measured.map(({ depth, consumeUs }) => [depth, median(consumeUs)]),
            },
          ],
        },
      ],
      notes: [
        `At each depth ${portion} jobs are pushed over 8 connections and as many fetched and acknowledged over ${consumers}, ${repeats} times; every push and acknowledgement is on disk before it is answered.`,
      ],
    };
  },
};

async function measureDepths(dataDir: string, repeats: number): Promise<Depth[]> {
  const scope = createScope();
  try {
    const { port, process: broker } = await startEmbeddedBroker(scope, dataDir);
    const counter = await useFaktoryCounter(scope, port);
    const links = await Promise.all(
      Array.from({ length: consumers }, () => openFaktoryLink(port, { wid: 'bench-consumer' })),
    );
    links.forEach((link) => scope.use(link, (opened) => opened.close()));
    const results: Depth[] = [];
    await fillQueue(port, portion * warmUpPortions);
    await consume(links, portion * warmUpPortions);
    for (const depth of depths) {
      await fillQueue(port, depth - (await counter.queued()));
      const result: Depth = { depth, pushUs: [], consumeUs: [], rssBytes: 0 };
      for (let repeat = 0; repeat < repeats; repeat++) {
        result.pushUs.push(await timePerJobUs(() => fillQueue(port, portion)));
        result.consumeUs.push(await timePerJobUs(() => consume(links, portion)));
      }
      result.rssBytes = broker.rssBytes();
      const queued = await counter.queued();
      if (queued !== depth) throw new Error(`${queued} jobs are queued instead of ${depth}`);
      results.push(result);
    }
    return results;
  } finally {
    await scope.close();
  }
}

async function timePerJobUs(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return ((performance.now() - startedMs) * 1000) / portion;
}

async function consume(links: readonly RespLink[], jobs: number): Promise<void> {
  let left = jobs;
  await Promise.all(
    links.map(async (link) => {
      while (left-- > 0) {
        const text = await link.call('FETCH default');
        if (text === null) throw new Error('the queue ran empty');
        const { jid } = JSON.parse(text) as { jid: string };
        await link.call(`ACK ${JSON.stringify({ jid })}`);
      }
    }),
  );
}

async function measureRecovery(dataDir: string): Promise<{ elapsedMs: number; jobs: number }> {
  const scope = createScope();
  try {
    const startedMs = performance.now();
    const { port } = await startEmbeddedBroker(scope, dataDir);
    const jobs = await (await useFaktoryCounter(scope, port)).queued();
    return { elapsedMs: performance.now() - startedMs, jobs };
  } finally {
    await scope.close();
  }
}
