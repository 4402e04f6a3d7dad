// The callers of a run: offers the plan's requests, pings, probes when all faults are over, closes; and checks what only a
// caller sees: outcomes at once while the broker is away, success after healing, an end of everything after close.
import type { Job } from '../../src/domain/job.ts';
import { createExplicitJob } from '../helpers/explicit-jobs.ts';
import { createArithmeticJob } from '../helpers/jobs.ts';
import type { Outcome, JobProducer } from '../../src/domain/producer.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** The parts that a run looks into; callers know only the producer. */
export interface Client {
  producer: JobProducer;
  isDown(): boolean;
  /** Jobs that wait although a frame could leave. */
  waitingBesideSlot(): number;
  /** Everything that must be 0 when nothing is under way. */
  gauges(): Record<string, number>;
}

/** What a frame that is not full may wait in order to grow while others are in flight, and some turns of the event loop. */
const holdBackMsMax = 60;
/** Beyond the deadline of what was under way: END and the grace of the last connections. */
const closeMsMax = 1500;
/** A broker that hangs is known to do so after this, with some turns of the event loop. */
const toldMsMax = 50;
/** Jobs, after the end of all faults, that must be enqueued. */
const probesMax = 3;
const probePauseMs = 1000;
/** Of the plan's jobs; probes must fit every network, so none of theirs is explicit. */
const explicitRate = 0.1;

const requestIds = [null, undefined, 'r-1', 'a "quoted" \\ one', 'grüße 😀', 'two words, {"jid":1}', 'x'.repeat(200)];

export function createDriver(world: World, network: Network, client: Client, random: Random) {
  const { plan, scheduler, ledger, log, fail, count } = world;
  const hasFreeze = plan.faults.some(({ kind }) => kind === 'freeze');
  const urgent: { hasOutcomes: boolean }[] = [];
  let jobCount = 0;
  let pings = 0;
  let closingSinceMs: number | undefined;
  let closedAtMs: number | undefined;
  let waiting = { jobs: 0, sinceMs: 0 };

  function createExplicit(jid: string): Job {
    const isLarge = random.chance(0.15);
    const isCompressed = isLarge && random.chance(0.5);
    const at = random.chance(0.5) ? '2126-12-01T08:00:00.000Z' : undefined;
    count('explicit jobs');
    if (isLarge) count(isCompressed ? 'compressed arguments' : 'large arguments');
    if (at !== undefined) count('scheduled jobs');
    const argsBytes = isLarge ? random.int(1100, 48_000) : random.int(0, 200);
    const more = { queue: random.pick(['bulk', 'mails']), retry: random.pick([-1, 0, 25]), ...(at && { at }) };
    return createExplicitJob({ argsBytes, isCompressed, ...more }, jid);
  }

  function createJobs(jobs: number, explicitRate = 0): Job[] {
    return Array.from({ length: jobs }, () => {
      const jid = `j${String(jobCount++).padStart(7, '0')}`;
      if (random.chance(explicitRate)) return createExplicit(jid);
      return createArithmeticJob(
        'add',
        { a: random.int(-9, 9), b: random.next(), request_id: random.pick(requestIds) },
        jid,
      );
    });
  }

  function offer(
    jobs: readonly Job[],
    isSingle: boolean,
    timeoutMs: number,
    onOutcomes: (outcomes: Outcome[]) => void,
  ): void {
    const deadlineMs = scheduler.nowMs + timeoutMs;
    const mustFail = mustFailFast();
    const request = ledger.offer(jobs, deadlineMs);
    log.add(scheduler.nowMs, `offer ${request.id}: ${jobs.length}`);
    const settle = (outcomes: Outcome[]): void => {
      log.add(scheduler.nowMs, `outcomes ${request.id}: ${outcomes.map((outcome) => outcome.kind).join(' ')}`);
      ledger.settle(request, outcomes);
      onOutcomes(outcomes);
    };
    const { producer } = client;
    const pushed = isSingle
      ? producer.push(jobs[0] as Job, deadlineMs).then((outcome) => settle([outcome]))
      : producer.pushBulk(jobs, deadlineMs).then(settle);
    pushed.catch((error: unknown) => fail('rejected', String(error)));
    if (mustFail) urgent.push(request);
  }

  /** The broker is known to be away, or has been for so long that it must be known. */
  function mustFailFast(): boolean {
    if (closingSinceMs !== undefined || client.isDown()) return true;
    const { noneLiveSinceMs, noneTrustedSinceMs } = network;
    if (!hasFreeze && noneTrustedSinceMs !== undefined && scheduler.nowMs - noneTrustedSinceMs > toldMsMax) return true;
    const knownAfterMs = plan.connectTimeoutMs + 650;
    return !hasFreeze && noneLiveSinceMs !== undefined && scheduler.nowMs - noneLiveSinceMs > knownAfterMs;
  }

  /**
   * A probe is sent after the reply to the probe before it. On a slow path a connection cannot carry two probes in time, and the
   * refusal of the second would be right.
   */
  function probe(index: number): void {
    if (closingSinceMs !== undefined) return;
    const isSingle = index !== 1;
    offer(createJobs(1), isSingle, 20_000, (outcomes) => {
      const bad = outcomes.find((outcome) => outcome.kind !== 'enqueued');
      if (bad) fail('not healed', `a probe was answered ${JSON.stringify(bad)}`);
      else count('probes enqueued');
      if (index + 1 < probesMax) scheduler.after(probePauseMs, 'input', () => probe(index + 1));
    });
  }

  function close(): void {
    if (closingSinceMs !== undefined) return;
    closingSinceMs = scheduler.nowMs;
    log.add(scheduler.nowMs, 'close');
    if (ledger.requests.some((request) => !request.hasOutcomes)) count('closed with work under way');
    void client.producer.close().then(() => {
      closedAtMs = scheduler.nowMs;
      network.close();
      log.add(scheduler.nowMs, 'closed');
    });
  }

  function ping(): void {
    pings++;
    const settled = (text: string): void => {
      pings--;
      count(text);
    };
    client.producer.ping().then(
      () => settled('pings answered'),
      () => settled('pings failed'),
    );
  }

  for (const { atMs, jobs, isSingle } of plan.requests) {
    scheduler.at(atMs, 'input', () => {
      offer(createJobs(jobs, explicitRate), isSingle, plan.enqueueTimeoutMs, () => undefined);
    });
  }
  for (const atMs of plan.pingsAtMs) scheduler.at(atMs, 'input', ping);
  const healthyMs =
    plan.healMs + plan.readTimeoutMs + plan.connectTimeoutMs + 2500 + 8 * (plan.latencyMs + plan.jitterMs);
  const quietMs = Math.max(healthyMs, plan.healMs + plan.enqueueTimeoutMs + 400);
  scheduler.at(quietMs, 'input', () => probe(0));
  scheduler.at(plan.closeAtMs ?? quietMs + 10_000, 'input', close);

  return {
    checkFastRefusals() {
      for (let request; (request = urgent.pop());) {
        if (!request.hasOutcomes) fail('slow refusal', 'the broker is away, and a caller waits');
        count('fast refusals');
      }
    },
    /** Checks that no job waits while a slot is free. */
    checkWaiting() {
      const jobs = hasFreeze ? 0 : client.waitingBesideSlot();
      waiting = {
        jobs,
        sinceMs: jobs > 0 && jobs >= waiting.jobs && waiting.jobs > 0 ? waiting.sinceMs : scheduler.nowMs,
      };
      const waitedMs = scheduler.nowMs - waiting.sinceMs;
      if (waitedMs > plan.lingerMs + holdBackMsMax)
        fail('needless wait', `${waitedMs.toFixed(0)} ms beside a free slot`);
    },
    checkEnd() {
      if (closingSinceMs === undefined || closedAtMs === undefined)
        return fail('never closed', `since ${closingSinceMs}`);
      const closingMs = closedAtMs - closingSinceMs;
      if (!hasFreeze && closingMs > plan.enqueueTimeoutMs + closeMsMax) fail('slow close', `${closingMs} ms`);
      if (network.openCount > 0) fail('socket left open', `${network.openCount}`);
      if (pings > 0) fail('never answered', `${pings} pings`);
      for (const [name, value] of Object.entries(client.gauges()))
        if (value !== 0) fail('gauge', `${name} is ${value}`);
    },
  };
}
