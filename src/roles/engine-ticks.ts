// The last ticks of schedules where the broker is in this process: records in its log.
import type { Engine } from '../broker/engine.ts';
import { replaces, type LastTick, type TickStore } from '../domain/cron.ts';

export function createEngineTicks(engine: Engine): TickStore {
  /** Ticks that this process has stored. No other process stores any. */
  const newest = new Map<string, LastTick>();

  async function find(names: readonly string[]): Promise<(LastTick | undefined)[]> {
    const refusal = engine.refusal();
    if (refusal !== undefined) throw new Error(refusal);
    const records = await engine.state().ticks.find(names);
    return records.map((record) => record && (JSON.parse(record.toString()) as LastTick));
  }

  /** Resolves whether the tick is stored or not: the key of the tick keeps it from being enqueued again. */
  function write(name: string, tick: LastTick): Promise<void> {
    return new Promise((resolve) => {
      if (engine.refusal() !== undefined) return resolve();
      engine.state().ticks.put(name, Buffer.from(JSON.stringify(tick)));
      engine.ledger.join({ settle: () => resolve() });
      engine.ledger.flush();
    });
  }

  return {
    last: find,
    async keep(name, tick) {
      if (!replaces(tick, newest.get(name))) return;
      newest.set(name, tick);
      await write(name, tick);
    },
    close: () => Promise.resolve(),
  };
}
