// One run: builds the client as src/roles/api.ts does, on a virtual clock, a simulated network and a simulated broker, offers
// the plan's requests while its faults last, then heals everything, asks for success, closes, and checks the ledger.
import type { FaktoryClient } from '../../src/faktory/client.ts';
import { createBroker, type Broker } from './broker.ts';
import { createDriver, type Client } from './driver.ts';
import { createEventLog } from './event-log.ts';
import { createLedger, type Violation } from './ledger.ts';
import { createNetwork, type Network } from './network.ts';
import { createPlan, type Fault } from './plan.ts';
import { createRandom, type Random } from './random.ts';
import { createScheduler } from './scheduler.ts';
import type { Subject } from './subject.ts';
import type { World } from './world.ts';

export interface RunResult {
  seed: number;
  violation: Violation | undefined;
  /** The same for every run of the seed. */
  hash: string;
  counts: ReadonlyMap<string, number>;
  events: number;
  /** Of virtual time. */
  durationMs: number;
  lines: readonly string[];
}

/** Thrown where the client is not on the stack, so that a run ends with its first violation. */
class Stop extends Error {}

export async function simulate(subject: Subject, seed: number, keepsLines = false): Promise<RunResult> {
  const run = createRun(subject, seed, keepsLines);
  const onRejection = (reason: unknown): void => run.world.fail('unhandled rejection', String(reason));
  process.on('unhandledRejection', onRejection);
  try {
    await run.scheduler.run(run.afterEach);
    run.finish();
  } catch (error) {
    if (!(error instanceof Stop)) run.note('exception', error instanceof Error ? (error.stack ?? '') : String(error));
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  return run.result();
}

function createRun(subject: Subject, seed: number, keepsLines: boolean) {
  const plan = createPlan(seed);
  const random = createRandom(seed ^ 0x5eed);
  const scheduler = createScheduler(random.fork());
  const log = createEventLog(keepsLines);
  const counts = new Map<string, number>();
  let violation: Violation | undefined;

  const note = (name: string, detail: string): void => {
    violation ??= { name, detail };
    log.add(scheduler.nowMs, `VIOLATION ${name}: ${detail}`);
  };
  const fail = (name: string, detail: string): void => {
    note(name, detail);
    scheduler.stop();
  };
  const count = (name: string, by = 1): void => void counts.set(name, (counts.get(name) ?? 0) + by);
  const ledger = createLedger({
    now: () => scheduler.nowMs,
    fail,
    count,
    pendingJobsMax: plan.pendingJobsMax,
    pendingBytesMax: plan.pendingBytesMax,
    turnsAwaySlow: plan.waitMsMax !== Infinity,
    frozenMs: plan.faults.reduce((sum, fault) => sum + (fault.kind === 'freeze' ? fault.durationMs : 0), 0),
  });
  const worldRandom = random.fork();
  const world: World = {
    plan,
    scheduler,
    random: worldRandom,
    log,
    ledger,
    count,
    fail,
    strikes: (rate) => scheduler.nowMs < plan.healMs && worldRandom.chance(plan.rates[rate]),
  };
  const broker = createBroker(world);
  const network = createNetwork({ world, accept: broker.accept });
  const client = createClient(subject, world, network, random.fork());
  for (const fault of plan.faults) scheduler.at(fault.atMs, 'world', () => inject(fault, world, broker, network));
  scheduler.at(plan.healMs, 'world', () => network.heal());
  const driver = createDriver(world, network, client, random.fork());

  return {
    world,
    scheduler,
    note,
    afterEach() {
      ledger.checkLimits();
      network.checkSockets();
      driver.checkFastRefusals();
      driver.checkWaiting();
      if (violation) throw new Stop();
    },
    finish() {
      if (violation) return;
      ledger.checkEnd(plan.isCalm);
      driver.checkEnd();
    },
    result: (): RunResult => ({
      seed,
      violation,
      hash: log.hash,
      counts,
      events: scheduler.eventCount,
      durationMs: scheduler.nowMs,
      lines: log.lines,
    }),
  };
}

function createClient(subject: Subject, world: World, network: Network, random: Random): Client {
  const { plan, scheduler, ledger } = world;
  const { clock } = scheduler;
  const client: FaktoryClient = new subject.FaktoryClient({
    address: { host: 'broker.test', port: 7419, tls: plan.tls, password: plan.password },
    size: plan.connections,
    clock,
    random: random.next,
    connectTimeoutMs: plan.connectTimeoutMs,
    readTimeoutMs: plan.readTimeoutMs,
    writeTimeoutMs: plan.writeTimeoutMs,
    keepAliveDelayMs: 60_000,
    connect: () => network.connect(),
    onChange: () => sender.onClientChange(),
    onRoom: () => producer.onSenderChange(),
  });
  const sender = subject.createFrameSender({ client, clock, onChange: () => producer.onSenderChange() });
  const { pendingJobsMax, pendingBytesMax, waitMsMax } = plan;
  const admission = subject.createAdmission({ pendingJobsMax, pendingBytesMax, waitMsMax });
  const producer = subject.createGroupCommit({
    sender,
    clock,
    admission,
    frameJobsMax: plan.frameJobsMax,
    frameBytesMax: plan.frameBytesMax,
    acquireTimeoutMs: plan.acquireTimeoutMs,
    lingerMs: plan.lingerMs,
    onWrite: (jobs) => jobs.forEach(({ jid }) => ledger.remember(jid)),
  });
  return {
    producer,
    waitingBesideSlot: () => (sender.slots > 0 ? producer.waiting.jobs : 0),
    isDown: () => sender.downReason !== undefined,
    gauges: () => ({
      'waiting jobs': producer.waiting.jobs,
      'waiting bytes': producer.waiting.bytes,
      'pending jobs': admission.pendingJobs,
      'pending bytes': admission.pendingBytes,
      'frames in flight': sender.inFlight,
    }),
  };
}

function inject(fault: Fault, world: World, broker: Broker, network: Network): void {
  const { scheduler, log, count, random } = world;
  const untilMs = scheduler.nowMs + fault.durationMs;
  log.add(scheduler.nowMs, `fault ${fault.kind} for ${fault.durationMs.toFixed(1)}`);
  count(`fault: ${fault.kind}`);
  const inject: Record<Fault['kind'], () => void> = {
    crash: () => broker.crash(fault.durationMs),
    shutdown: () => broker.shutDown(fault.durationMs),
    redisPause: () => broker.pauseRedis(untilMs),
    redisError: () => broker.failRedis(untilMs, random.pick(['MISCONF cannot persist', 'OOM command not allowed'])),
    limit: () => broker.limitConnections(untilMs),
    partition: () => network.partition(untilMs),
    slowReader: () => network.stopReading(untilMs),
    blackhole: () => network.blackhole(untilMs),
    freeze: () => scheduler.freeze(untilMs),
  };
  inject[fault.kind]();
}
