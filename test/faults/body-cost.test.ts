// What parsing and checking one request adds at the worst bodies that are let in: a single caller must not hold up the others.
// In this process and on a producer that answers at once, so the time is that of the service's own work.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { singleBodyBytesMax } from '../../src/http/limits.ts';
import { build } from '../helpers/app.ts';
import { showed } from './matrix.ts';
import { transports, worstBatches, worstTexts } from './worst-bodies.ts';

const isFull = process.env['FAULTS'] === '1';
const batchBodyBytesMax = 524_288;
const batchMaxJobs = 1000;
/** A short run shares the processor with others. */
const slack = isFull ? 1 : 5;
const rounds = isFull ? 25 : 3;

interface Cost {
  what: string;
  /** Of the lower quartile of rounds, less that of an ordinary request: what else runs on the machine only adds. */
  addedMs: number;
  status: number;
}

const quartile = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 2] as number;

async function measure(
  t: TestContext,
  url: string,
  ordinary: string,
  texts: Readonly<Record<string, string>>,
): Promise<Cost[]> {
  const { post } = build(t, { logLevel: 'silent', batchBodyBytesMax, batchMaxJobs });
  async function timeOf(body: Buffer, encoding?: string): Promise<{ ms: number; status: number }> {
    let status = 0;
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const startedMs = performance.now();
      const startedCpu = process.cpuUsage();
      const response = await post(url, body, encoding === undefined ? {} : { 'content-encoding': encoding });
      const { user, system } = process.cpuUsage(startedCpu);
      // On a busy machine the clock counts the others' work, too.
      times.push(Math.min(performance.now() - startedMs, (user + system) / 1000));
      status = response.statusCode;
    }
    return { ms: quartile(times), status };
  }
  for (let round = 0; round < 20; round++) await timeOf(Buffer.from(ordinary));
  const ordinaryMs = (await timeOf(Buffer.from(ordinary))).ms;
  const costs: Cost[] = [];
  for (const [text, content] of Object.entries(texts)) {
    for (const [transport, send] of Object.entries(transports)) {
      if (!isFull && transport === 'br') continue;
      const { body, encoding } = send(content);
      const { ms, status } = await timeOf(body, encoding);
      costs.push({ what: `${text} (${transport})`, addedMs: ms - ordinaryMs, status });
    }
  }
  return costs.toSorted((a, b) => b.addedMs - a.addedMs);
}

const describeCosts = (costs: readonly Cost[]): string =>
  costs
    .slice(0, 3)
    .map(({ what, addedMs, status }) => `${what}: ${addedMs.toFixed(1)} ms, ${status}`)
    .join('; ');

describe(
  'the worst body',
  { skip: !isFull && 'FAULTS=1 only: it measures times, and a busy machine has its own' },
  () => {
    it('of a single job adds at most 2 ms', async (t) => {
      const costs = await measure(t, '/jobs/add', '{"a":1,"b":2}', worstTexts(singleBodyBytesMax));
      assertDecided(costs);
      showed('worst-body', `${costs.length} bodies of 16 KiB on a single route, the worst: ${describeCosts(costs)}`);
      assert.ok((costs[0] as Cost).addedMs <= 2 * slack, describeCosts(costs));
    });

    it('of a batch adds at most 50 ms', async (t) => {
      const texts = Object.entries(worstTexts(batchBodyBytesMax - 20)).map(([what, text]) => [
        what,
        `{"jobs":[${text}]}`,
      ]);
      const bodies = { ...Object.fromEntries(texts), ...worstBatches(batchBodyBytesMax, batchMaxJobs) } as Record<
        string,
        string
      >;
      const costs = await measure(t, '/jobs/batch', '{"jobs":[{"operation":"add","a":1,"b":2}]}', bodies);
      assertDecided(costs);
      showed('worst-body', `${costs.length} bodies of 512 KiB on /jobs/batch, the worst: ${describeCosts(costs)}`);
      assert.ok((costs[0] as Cost).addedMs <= 50 * slack, describeCosts(costs));
    });
  },
);

/** Each body was let in to be parsed: none was too large, and none met a bug. */
function assertDecided(costs: readonly Cost[]): void {
  const wrong = costs.filter(
    ({ status, what }) => ![202, 206, 400, 422].includes(status) && !what.startsWith('too many'),
  );
  assert.deepEqual(wrong, []);
}
