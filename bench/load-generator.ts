// The load generator's process: takes a load, runs it, sends back what it saw, until the bench lets go of it.
import type { Caller, OnDone } from './harness/caller.ts';
import { createHttpCaller } from './harness/http-caller.ts';
import { responseTimeoutMs, type Load, type LoadResult } from './harness/load.ts';
import { createPushbCaller } from './harness/pushb-caller.ts';
import { createStreamCaller } from './harness/stream-caller.ts';
import { percentile } from './harness/stats.ts';

async function run(load: Load): Promise<LoadResult> {
  const started = new Map<Caller, number>();
  const latenciesMs: number[] = [];
  let failed = 0;
  let requests = 0;
  let isOver = false;
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));

  const start = (caller: Caller): void => {
    if (isOver || requests >= (load.requestsMax ?? Infinity)) return;
    requests++;
    started.set(caller, performance.now());
    caller.next();
  };
  const onDone: OnDone = (caller, isAccepted) => {
    const startedMs = started.get(caller);
    if (startedMs === undefined) return;
    started.delete(caller);
    if (isAccepted) latenciesMs.push(performance.now() - startedMs);
    else failed++;
    if (isAccepted) start(caller);
    if (started.size === 0) finish();
  };

  const callers = Array.from({ length: load.callers }, () => createCaller(load, onDone));
  await Promise.all(callers.map(({ opened }) => opened));
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  const timers = [
    setTimeout(() => (isOver = true), load.durationMs),
    setTimeout(() => finish(), load.durationMs + responseTimeoutMs),
  ];
  callers.forEach(start);
  await finished;
  const elapsedMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(cpu);
  timers.forEach(clearTimeout);
  failed += started.size;
  callers.forEach((caller) => caller.close());
  return {
    accepted: latenciesMs.length,
    failed,
    elapsedMs,
    p50Ms: percentile(latenciesMs, 50),
    p99Ms: percentile(latenciesMs, 99),
    generatorCpuMs: (user + system) / 1000,
  };
}

function createCaller(load: Load, onDone: OnDone): Caller {
  if (load.kind === 'http') return createHttpCaller(load, onDone);
  return load.kind === 'pushb' ? createPushbCaller(load, onDone) : createStreamCaller(load, onDone);
}

process.on('message', (load: Load) => void run(load).then((result) => process.send?.(result)));
process.on('disconnect', () => process.exit());
