// Changes many jobs of a set, or cancels jobs of queues. It works page by page, so that a million jobs hold up no other work.
import { cancelQueued } from './cancel.ts';
import type { Engine } from '../engine.ts';
import type { EndReason } from './ended.ts';
import { deadForMs } from './failed-jobs.ts';
import { createTurn } from './in-turn.ts';
import { createFilter, type Matches } from './job-filter.ts';
import { isOfJobtype } from './listing.ts';
import { stored } from '../storage/stored.ts';
import type { SetName, State } from '../state.ts';

export type MutationCommand = 'clear' | 'kill' | 'discard' | 'requeue';
/** Jobs in `queues` can only be discarded, and by their jids. */
export type MutationTarget = SetName | 'queues';

export interface Mutation {
  cmd: MutationCommand;
  target: MutationTarget;
  /** Undefined: all jobs. */
  matches: Matches;
  /** How many jids the client gave. */
  jids: number;
  /** The caller writes the records of the jobs. */
  isCancellation?: true;
}

/** A change that an operator asks for. */
export interface Change {
  cmd: 'requeue' | 'discard' | 'kill';
  target: SetName;
  /** Jobs of exactly this jobtype, or else with these jids. */
  jobtype?: string | undefined;
  jids?: readonly string[] | undefined;
}

interface Changed {
  affected: number;
  /** Empty unless jids were given. */
  jids: readonly string[];
}

export interface Mutations {
  /** One mutation runs at a time. Resolves when all changes are stored; rejects with the text of the refusal. */
  run(mutation: Mutation): Promise<Changed>;
  /** For an API in the same process. Resolves to the discarded jids when all changes are stored. */
  discard(target: MutationTarget, jids: readonly string[]): Promise<readonly string[]>;
  /** For an operator; resolves when the results know of it, too. */
  change(change: Change): Promise<Changed>;
  /** Running mutations end after their page, with an error. */
  stop(): void;
}

interface MutationsOptions {
  engine: Engine;
  nowMs: () => number;
  cancelledJobsMax: number;
}

/** The jobs of a page are matched and moved in one turn. */
const pageJobsMax = 1000;

export function createMutations({ engine, nowMs, cancelledJobsMax }: MutationsOptions): Mutations {
  let stopped = false;
  /** A connection whose mutation waits reads no further command, so the number of connections limits the mutations that wait. */
  const inTurn = createTurn();

  async function changeSet(target: SetName, mutation: Mutation): Promise<Changed> {
    const { cmd, matches, jids: given } = mutation;
    const reason = mutation.isCancellation || !engine.ended.isHeard ? undefined : reasons[cmd];
    const state = engine.state();
    const set = state[target];
    if (reason === undefined && mayClearAtOnce(state, cmd, matches)) {
      const { count } = set.record();
      state.clear(target);
      return { affected: count, jids: [] };
    }
    const jids: string[] = [];
    const last = state.lastSequence();
    let affected = 0;
    for (let from: Buffer | undefined, more = true; more; more = from !== undefined) {
      if (stopped) throw new Error('shutdown in progress, a part of the jobs may be changed');
      const page = await set.takeWhere(from, pageJobsMax, (text, sequence) => {
        // A job that this mutation itself has added to the dead set turns up again at the end of the set.
        if (sequence > last || (matches && !matches(text))) return false;
        apply(engine, cmd, text, nowMs());
        if (reason) engine.ended.add(text, reason);
        if (given > 0) jids.push((JSON.parse(text) as { jid: string }).jid);
        return true;
      });
      affected += page.taken;
      from = page.next;
      if (engine.state() !== state) throw new Error('the store of the broker failed, the outcome is unknown');
      if (reason && page.taken > 0) await stored(engine.ledger).then(() => engine.ended.told());
    }
    return { affected, jids };
  }

  async function cancel(matches: NonNullable<Matches>): Promise<Changed> {
    const jids = await cancelQueued({ engine, cancelledJobsMax, matches });
    return { affected: jids.length, jids };
  }

  async function execute(mutation: Mutation): Promise<Changed> {
    // Pages are read from disk, so the changes of earlier commands must be there.
    await stored(engine.ledger);
    const { target, matches } = mutation;
    const changed =
      target === 'queues' ? await cancel(matches as NonNullable<Matches>) : await changeSet(target, mutation);
    await stored(engine.ledger);
    return changed;
  }

  const run = (mutation: Mutation): Promise<Changed> => inTurn(() => execute(mutation));

  return {
    run,
    async discard(target, jids) {
      const matches = createFilter({ jids: [...jids] });
      return (await run({ cmd: 'discard', target, matches, jids: jids.length, isCancellation: true })).jids;
    },
    change({ cmd, target, jobtype, jids = [] }) {
      const matches = jobtype === undefined ? createFilter({ jids: [...jids] }) : isOfJobtype(jobtype);
      return run({ cmd, target, matches, jids: jids.length });
    },
    stop() {
      stopped = true;
    },
  };
}

const reasons: Readonly<Record<MutationCommand, EndReason | undefined>> = {
  clear: { errtype: 'Discarded', message: 'an operator discarded the job' },
  discard: { errtype: 'Discarded', message: 'an operator discarded the job' },
  kill: { errtype: 'Killed', message: 'an operator killed the job' },
  requeue: undefined,
};

/** A set is cleared as a whole, without reading its jobs, unless a job may hold a lock that must be freed. */
const mayClearAtOnce = ({ locks }: State, cmd: MutationCommand, matches: Matches): boolean =>
  matches === undefined && (cmd === 'clear' || cmd === 'discard') && !locks.isUsed;

function apply(engine: Engine, cmd: MutationCommand, text: string, nowMs: number): void {
  if (cmd === 'kill') engine.state().dead.add(nowMs + deadForMs, text);
  else if (cmd === 'requeue') engine.handOut.enqueueText(text);
  if (cmd !== 'requeue') engine.state().locks.jobEnded(text);
}
