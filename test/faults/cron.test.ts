// Schedules of seconds in three API processes on a real Faktory and a real Redis: one is restarted, one is killed, and Redis
// stands still for a while. What lies in the broker is counted. FAULTS=1 runs for two minutes, and asks for every tick.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'faktory-worker';
import { writeJobs } from '../helpers/job-folder.ts';
import { startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { startRedis } from '../helpers/redis.ts';
import { get, startService, type Service } from '../helpers/service.ts';
import { showed } from './matrix.ts';

const isFull = process.env['FAULTS'] === '1';
/** Of each of the four parts. */
const partMs = isFull ? 30_000 : 3000;
/** Redis stands still for so long, of a part. */
const frozenMs = isFull ? 8000 : 1500;

const skip = faktoryPath() === undefined;
const fields = `args: z.object({}), queue: 'ticks', cron: [
  { name: 'second', schedule: '* * * * * *' },
  { name: 'fifth', schedule: '*/5 * * * * *', timeZone: 'Europe/Berlin' }]`;

/** Takes all jobs out of the queue: how often each tick is there. */
async function countTicks(port: number): Promise<Map<string, number>> {
  const client = new Client({ host: '127.0.0.1', port, wid: 'counter' });
  const counts = new Map<string, number>();
  for (;;) {
    const job = await client.fetch('ticks');
    if (!job) break;
    const { request_id: tick } = job.custom as { request_id: string };
    counts.set(tick, (counts.get(tick) ?? 0) + 1);
  }
  await client.close();
  return counts;
}

const linesOf = (services: readonly Service[], msg: string): string[] =>
  services.flatMap(({ lines }) =>
    lines.filter((line) => line.msg === msg).map(({ schedule, tick }) => `${String(schedule)}@${String(tick)}`),
  );

function expectedTicks(fromMs: number, toMs: number): string[] {
  const ticks: string[] = [];
  for (let ms = Math.ceil(fromMs / 1000) * 1000; ms < toMs; ms += 1000) {
    const time = new Date(ms).toISOString();
    ticks.push(`tick:second@${time}`);
    if (ms % 5000 === 0) ticks.push(`tick:fifth@${time}`);
  }
  return ticks;
}

describe('schedules in three processes, on Faktory and Redis', { skip }, () => {
  it('are enqueued once each tick', async (t) => {
    const [faktory, redis, jobsDir] = await Promise.all([
      startFaktory(t),
      startRedis(t),
      writeJobs(t, { tick: fields }),
    ]);
    const env = {
      ...{ FAKTORY_URL: faktory.url, KEYS_URL: redis.url, JOBS_DIR: jobsDir },
      SHUTDOWN_DRAIN_DELAY_MS: '0',
    };
    const all: Service[] = [];
    const start = (): Service => {
      const service = startService(t, env, 'api');
      all.push(service);
      return service;
    };
    const [first, second, third] = [start(), start(), start()];
    const urls = await Promise.all([first, second, third].map((service) => service.readyUrl()));
    const fromMs = Date.now();
    await delay(partMs);
    assert.equal(await first.end('SIGTERM'), 0);
    await start().readyUrl();
    await delay(partMs);
    await second.end('SIGKILL');
    await start().readyUrl();
    await delay(partMs);
    redis.freeze();
    await delay(frozenMs);
    redis.thaw();
    await delay(partMs);
    const toMs = Date.now();
    const { schedules } = (await get(`${urls[2]}/cron`)).body as { schedules: { name: string; last: object | null }[] };
    assert.deepEqual(
      schedules.map(({ name, last }) => [name, last !== null]),
      [
        ['tick:second', true],
        ['tick:fifth', true],
      ],
    );
    for (const service of all) if (service.process.exitCode === null) await service.end('SIGTERM');
    const counts = await countTicks(faktory.port);
    const twice = [...counts].filter(([, count]) => count > 1);
    assert.deepEqual(twice, []);
    const enqueued = linesOf(all, 'a tick was enqueued');
    assert.equal(new Set(enqueued).size, enqueued.length);
    assert.deepEqual(
      enqueued.filter((tick) => !counts.has(tick)),
      [],
    );
    const unknown = new Set(linesOf(all, 'it is not known whether a tick was enqueued'));
    const refused = new Set(linesOf(all, 'a tick was refused, and is not tried again'));
    const missing = expectedTicks(fromMs, toMs).filter((tick) => !counts.has(tick));
    const untold = missing.filter((tick) => !unknown.has(tick) && !refused.has(tick));
    showed(
      'cron-processes',
      `${counts.size} ticks in ${Math.round((toMs - fromMs) / 1000)} s: none twice; ${missing.length} not there, of which ${missing.length - untold.length} were told`,
    );
    assert.ok(counts.size > 0);
    // A busy machine may hold up all three processes for longer than a tick is late.
    if (isFull) assert.deepEqual(untold, []);
  });
});
