// MUTATE: clears, discards, kills or requeues jobs of the scheduled, the retries or the dead, as contribsys/faktory v1.9.4 does
// (server/mutate.go), a page at a time, so that a million jobs hold up nobody. Two things are this broker's own: the target
// `queues`, where jobs are discarded by their jids before they start, and `"report":true`, which asks how many it were, and
// which of the given jids.
import type { Audit } from './audit.ts';
import { cancelQueued } from '../queues/cancel.ts';
import { deadForMs } from '../queues/delivery.ts';
import type { Engine } from '../engine.ts';
import { goStruct, parseGo, type GoStruct } from './go-json.ts';
import { createFilter, type JobFilter, type Matches } from '../queues/job-filter.ts';
import type { Session } from './session.ts';
import type { SetName } from '../state.ts';
import { bulk, error, ok } from './wire.ts';

export interface Mutations {
  /** Throws the text of the refusal; else it answers when all is stored. */
  run(session: Session, text: string): void;
  /** For an API in the same process. Resolves, when all is stored, to those of the jids that were discarded. */
  discard(target: Target, jids: readonly string[]): Promise<readonly string[]>;
  /** Those under way end after their page, and say so. */
  stop(): void;
}

interface MutationsOptions {
  engine: Engine;
  audit: Audit;
  nowMs: () => number;
  cancelledJobsMax: number;
}

type Target = SetName | 'queues';

interface Changed {
  affected: number;
  /** Empty unless jids were given. */
  jids: readonly string[];
}

interface Operation {
  cmd: string;
  target: Target;
  matches: Matches;
  jids: number;
  report: boolean;
}

const operationStruct = goStruct('Operation', {
  cmd: ['string', 'string'],
  target: ['string', 'client.Structure'],
  filter: ['object', 'client.JobFilter'],
  report: ['boolean', 'bool'],
});

const filterStruct: GoStruct = goStruct('JobFilter', {
  regexp: ['string', 'string'],
  jobtype: ['string', 'string'],
  jids: ['strings', '[]string'],
});

const commands = new Set(['clear', 'kill', 'discard', 'requeue']);
const targets = new Set(['scheduled', 'retries', 'dead', 'queues']);
/** A page is matched and moved in one go. */
const pageJobsMax = 1000;

/** In the order of Faktory's checks, with its words. */
function parseOperation(text: string): Operation {
  if (text === '') throw new Error('invalid format');
  const { cmd, target, filter, report } = parseGo(text, operationStruct) as {
    cmd?: string;
    target?: Target;
    filter?: object | null;
    report?: boolean | null;
  };
  const fields: JobFilter = filter ? parseGo(JSON.stringify(filter), filterStruct) : {};
  if (cmd === undefined || !commands.has(cmd)) throw new Error('unknown mutate operation');
  if (target === undefined || !targets.has(target)) throw new Error('invalid target for mutation command');
  const jids = fields.jids?.length ?? 0;
  if (target === 'queues' && (cmd !== 'discard' || jids === 0)) {
    throw new Error('jobs in queues can only be discarded, and by their jids');
  }
  return { cmd, target, matches: cmd === 'clear' ? undefined : createFilter(fields), jids, report: report === true };
}

export function createMutations({ engine, audit, nowMs, cancelledJobsMax }: MutationsOptions): Mutations {
  const { ledger, delivery } = engine;
  let stopped = false;
  /** One at a time: each reads and writes pages. Who waits holds a connection, so their number is bounded. */
  let turn: Promise<unknown> = Promise.resolve();

  /** What was changed so far, also by commands before this one, is on disk: pages show it. */
  function stored(): Promise<void> {
    return new Promise((resolve, reject) => {
      ledger.touch(0);
      ledger.join({
        settle: (_group, outcome, detail) =>
          outcome === 'stored'
            ? resolve()
            : reject(new Error(`the store of the broker failed, the outcome is unknown: ${detail}`)),
      });
    });
  }

  function apply(cmd: string, text: string): void {
    if (cmd === 'kill') engine.state().dead.add(nowMs() + deadForMs, text);
    else if (cmd === 'requeue') delivery.enqueueText(text);
    if (cmd !== 'requeue') engine.state().locks.jobEnded(text);
  }

  async function changeSet(target: SetName, { cmd, matches, jids: given }: Operation): Promise<Changed> {
    const state = engine.state();
    const set = state[target];
    // At once, unless the jobs may have locks.
    if (matches === undefined && (cmd === 'clear' || cmd === 'discard') && !state.locks.isUsed) {
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
        // What is killed among the dead comes back at the end.
        if (sequence > last || (matches && !matches(text))) return false;
        apply(cmd, text);
        if (given > 0) jids.push((JSON.parse(text) as { jid: string }).jid);
        return true;
      });
      affected += page.taken;
      from = page.next;
      if (engine.state() !== state) throw new Error('the store of the broker failed, the outcome is unknown');
    }
    return { affected, jids };
  }

  async function cancel(matches: NonNullable<Matches>): Promise<Changed> {
    const jids = await cancelQueued({ engine, cancelledJobsMax, matches });
    return { affected: jids.length, jids };
  }

  async function execute(operation: Operation): Promise<Changed> {
    await stored();
    const { target, matches } = operation;
    const changed =
      target === 'queues' ? await cancel(matches as NonNullable<Matches>) : await changeSet(target, operation);
    await stored();
    return changed;
  }

  function inTurn(operation: Operation): Promise<Changed> {
    const end = turn.then(() => execute(operation));
    turn = end.catch(() => undefined);
    return end;
  }

  return {
    async discard(target, jids) {
      const matches = createFilter({ jids: [...jids] });
      const changed = await inTurn({ cmd: 'discard', target, matches, jids: jids.length, report: true });
      return changed.jids;
    },
    run(session, text) {
      const operation = parseOperation(text);
      // Nothing behind it is read before it is answered, even if the client has closed its side.
      const stay = (): void => session.hold(stay);
      stay();
      void inTurn(operation)
        .then(
          ({ affected, jids }) => {
            const { cmd, target, jids: given, report } = operation;
            audit(session, `MUTATE ${cmd} ${target}`, { affected, ...(given > 0 && { jids: given }) });
            session.reply(report ? bulk(JSON.stringify({ affected, ...(given > 0 && { jids }) })) : ok);
          },
          (problem: unknown) => session.reply(error((problem as Error).message)),
        )
        .then(() => session.release());
    },
    stop() {
      stopped = true;
    },
  };
}
