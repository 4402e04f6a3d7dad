// The state of the embedded broker, read in its own process.
import type { Engine } from '../broker/engine.ts';
import type { BrokerState } from '../domain/broker-state.ts';

/** Throws while the store of the broker takes nothing: the state in memory may then not be on disk. */
export function readEngineState(engine: Pick<Engine, 'state' | 'ledger'>): BrokerState {
  const broken = engine.ledger.failure();
  if (broken !== undefined) throw new Error(broken);
  const { queues, scheduled, retries, dead, working, counters } = engine.state();
  return {
    queues: [...queues].map(([name, queue]) => ({
      name,
      depth: queue.size(),
      latencySeconds: queue.latencyMs() / 1000,
      isPaused: queue.isPaused(),
    })),
    scheduled: scheduled.record().count,
    retries: retries.record().count,
    dead: dead.record().count,
    working: working.count(),
    processed: counters.processed,
    failures: counters.failures,
  };
}
