// API processes as far as schedules go, in virtual time, in front of one embedded broker.
import type { TestContext } from 'node:test';
import { z } from 'zod';
import { createCron, type Cron } from '../../src/cron/cron.ts';
import { systemClock } from '../../src/domain/clock.ts';
import type { TickStore } from '../../src/domain/cron.ts';
import { createJob, type Job } from '../../src/domain/job.ts';
import type { JobType } from '../../src/domain/job-type.ts';
import type { KeyStore } from '../../src/domain/keys.ts';
import { refused, type Outcome } from '../../src/domain/producer.ts';
import { createGroupCommit } from '../../src/enqueue/group-commit.ts';
import { compileDefinition } from '../../src/jobs/compile-definition.ts';
import { createEngineKeys } from '../../src/roles/engine-keys.ts';
import { createEngineSender } from '../../src/roles/engine-sender.ts';
import { createEngineTicks } from '../../src/roles/engine-ticks.ts';
import { connectFwp } from '../broker/fwp-client.ts';
import { startBroker } from '../helpers/broker.ts';
import { inAMinute, unlimited } from '../helpers/producer.ts';
import { createVirtualTime, type VirtualTime } from './virtual-clock.ts';

export const secondMs = 1000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;

export function typeWith(cron: unknown, name = 'nightly'): JobType {
  const compiled = compileDefinition({ name, cron, args: z.object({}), run: () => null });
  if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems));
  return compiled.type;
}

export interface Process {
  cron: Cron;
  lines: Record<string, unknown>[];
  /** Ticks by what became of them. */
  counts: Record<string, number>;
}

export interface Scene extends VirtualTime {
  start(cron: unknown, options?: { aheadMs?: number; keys?: KeyStore; ticks?: TickStore }): Process;
  /** From now on pushes have this outcome, and reach no broker; undefined: the broker is there. */
  setOutcome(outcome: Outcome | undefined): void;
  /** Pushes so far, those that had a outcome of the test's own included. */
  pushes(): number;
  /** Takes all jobs out of the broker: their request ids, NAME@TICK, in the order in which they were enqueued. */
  stored(): Promise<string[]>;
  keys: KeyStore;
  ticks: TickStore;
}

export const away = refused('broker_unavailable', 'the broker is away');

const commitOptions = {
  clock: systemClock,
  frameJobsMax: 100,
  frameBytesMax: 14_000,
  acquireTimeoutMs: 5000,
  lingerMs: 0,
};

export async function setUp(t: TestContext, start: string): Promise<Scene> {
  const time = createVirtualTime(Date.parse(start));
  const broker = await startBroker(t);
  const producer = createGroupCommit({
    ...commitOptions,
    sender: createEngineSender({ ...broker, clock: systemClock, onChange: () => producer.onSenderChange() }),
    admission: unlimited(),
  });
  const keys = createEngineKeys({ ...broker, clock: time.clock(), underWayMsMax: 25_000 });
  const ticks = createEngineTicks(broker.engine);
  let outcome: Outcome | undefined;
  let pushes = 0;
  const client = await connectFwp(t, { port: broker.port });

  /** In virtual time a push takes none. */
  function push(job: Job): Promise<Outcome> {
    pushes++;
    if (outcome !== undefined) return Promise.resolve(outcome);
    return time.track(producer.push(job, inAMinute()));
  }

  return {
    ...time,
    keys,
    ticks,
    start(cron, { aheadMs = 0, ...stores } = {}) {
      const lines: Record<string, unknown>[] = [];
      const counts: Record<string, number> = {};
      const write = (fields: object, msg: string): void => void lines.push({ ...fields, msg });
      const own = { keys, ticks, ...stores };
      const started = createCron({
        types: [typeWith(cron)],
        keys: { ...own.keys, claim: (claims) => time.track(Promise.resolve(own.keys.claim(claims))) },
        ticks: {
          ...own.ticks,
          last: (names) => time.track(own.ticks.last(names)),
          keep: (name, tick) => time.track(own.ticks.keep(name, tick)),
        },
        producer: { push },
        makeJob: createJob,
        clock: time.clock(aheadMs),
        enqueueTimeoutMs: 20_000,
        metrics: { tick: (_operation, outcome) => void (counts[outcome] = (counts[outcome] ?? 0) + 1) },
        log: { info: write, warn: write, error: write } as never,
      });
      started.start();
      t.after(() => started.close());
      return { cron: started, lines, counts };
    },
    setOutcome: (given) => void (outcome = given),
    pushes: () => pushes,
    async stored() {
      const found: string[] = [];
      while (broker.engine.state().queued() > 0) {
        const { custom } = await client.askJson('FETCH default');
        found.push((custom as { request_id: string }).request_id);
      }
      return found;
    },
  };
}
