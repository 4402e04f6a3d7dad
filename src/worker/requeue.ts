// Jobs that the worker requeues although they did not fail. The embedded broker takes such a job back by a FAIL that says so.
// Faktory has no command for that: it gets a FAIL for each and, after its last reply, a MUTATE that requeues them all. That
// counts one attempt, and finds them where a failed job goes: in the retries or, where no retry is left, in the dead.
import type { FaktoryClient } from '../faktory/client.ts';
import { queuedAgain, type EndedRun } from './ended-run.ts';
import type { WorkerLog } from './job-log.ts';

export interface Requeue {
  /** FAILs and MUTATEs without a reply. */
  readonly pending: number;
  /** The end to report with a FAIL; undefined: none is reported. */
  enter(end: EndedRun): EndedRun | undefined;
  /** From now on no FAIL is reported: the broker requeues the jobs of a worker that ends. */
  leaveToBroker(): void;
  /** The broker has taken the FAIL. */
  failed(end: EndedRun): void;
  /** The FAIL is over, taken or not. */
  over(): void;
}

export interface RequeueOptions {
  client: FaktoryClient;
  /** As far as is known, the broker takes back a job that did not run. */
  takesBack: () => boolean;
  onChange: () => void;
  log: WorkerLog;
}

export function createRequeue({ client, takesBack, onChange, log }: RequeueOptions): Requeue {
  let failing = 0;
  let mutating = 0;
  let jids: string[] = [];
  let isLeftToBroker = false;

  function mutate(): void {
    // A space would end the command (contribsys/faktory server/mutate.go, v1.9.4). No client of ours makes such a jid.
    const sent = jids.filter((jid) => !/\s/.test(jid));
    jids = [];
    for (const target of ['retries', 'dead']) {
      mutating++;
      client
        .send(['MUTATE', JSON.stringify({ cmd: 'requeue', target, filter: { jids: sent } })])
        .catch((error: unknown) => {
          const { message } = error as Error;
          log.warn({ target, jobs: sent.length, error: message }, 'jobs given back are not queued again at once');
        })
        .finally(() => {
          mutating--;
          onChange();
        });
    }
  }

  return {
    get pending() {
      return failing + mutating;
    },
    enter(end) {
      if (isLeftToBroker) {
        log.info({ jid: end.jid, operation: end.operation }, 'job left to the broker');
        return undefined;
      }
      failing++;
      return takesBack() ? queuedAgain(end) : end;
    },
    leaveToBroker() {
      isLeftToBroker = true;
    },
    failed({ jid, failEffect }) {
      if (failEffect !== 'gone' && failEffect !== 'queued again') jids.push(jid);
    },
    over() {
      failing--;
      if (failing === 0 && jids.length > 0) mutate();
    },
  };
}
