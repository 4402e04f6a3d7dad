// INFO: the state of the broker, in the shape of contribsys/faktory v1.9.4 (server/commands.go). The Rust client requires every
// key with its type.
import { rfc3339 } from '../../clock.ts';
import type { TaskStats } from '../../queues/tasks.ts';
import type { State } from '../../state.ts';
import type { Command } from '../command.ts';
import { bulk } from '../replies.ts';

/** `fsync`: an acknowledged job survives a crash of the machine. `memory`: it survives nothing. */
export type BrokerDurability = 'fsync' | 'memory';

export interface InfoSource {
  state: State;
  nowMs: number;
  startMs: number;
  connections: number;
  commands: number;
  workers: number;
  tasks: TaskStats;
  durability: BrokerDurability;
}

export const info: Command = ({ info: text }, session) => session.reply(bulk(text()));

export function formatInfo(source: InfoSource): string {
  const { state, nowMs, startMs, connections, commands, workers, tasks, durability } = source;
  const sets = {
    dead: state.dead.record().count,
    retries: state.retries.record().count,
    scheduled: state.scheduled.record().count,
    working: state.working.count(),
  };
  return JSON.stringify({
    now: rfc3339(nowMs),
    server_utc_time: `${rfc3339(nowMs).slice(11, 19)} UTC`,
    faktory: {
      queues: Object.fromEntries([...state.queues].map(([name, queue]) => [name, queue.size()])),
      sets,
      tasks: {
        Busy: { size: sets.working, ...tasks.Busy },
        Dead: { size: sets.dead, ...tasks.Dead },
        Retries: { size: sets.retries, ...tasks.Retries },
        Scheduled: { size: sets.scheduled, ...tasks.Scheduled },
        Workers: { size: workers, ...tasks.Workers },
      },
      total_failures: state.counters.failures,
      total_processed: state.counters.processed,
      total_enqueued: state.queued(),
      total_queues: state.queues.size,
    },
    server: {
      description: 'Work Factory',
      // The version of the protocol: clients compare it with the version they need.
      faktory_version: '1.9.4',
      uptime: Math.max(0, Math.floor((nowMs - startMs) / 1000)),
      connections,
      command_count: commands,
      used_memory_mb: Math.round(process.memoryUsage.rss() / 1024 / 1024),
      durability,
    },
  });
}
