// Jobs that the worker requeues although they did not fail. The embedded broker takes such a job back by a FAIL that says so.
// Faktory has no command for that: it gets a FAIL for each and, after its last reply, is asked to queue them all again. That
// counts one attempt.
import type { JobSource } from '../domain/job-source.ts';
import { queuedAgain, type EndedRun } from './ended-run.ts';
import type { WorkerLog } from './job-log.ts';

export interface Requeue {
  /** FAILs without a reply, and groups of jobs that are being queued again. */
  readonly pending: number;
  /** Returns the end to report with a FAIL. Undefined: there is nothing to report. */
  enter(end: EndedRun): EndedRun | undefined;
  /** From now on no FAIL is reported: the broker requeues the jobs of a worker that ends. */
  leaveToBroker(): void;
  /** Call it when the broker has taken the FAIL. */
  failed(end: EndedRun): void;
  /** Call it when the FAIL is over, whether the broker took it or not. */
  over(): void;
}

export interface RequeueOptions {
  source: Pick<JobSource<EndedRun>, 'takesBack' | 'requeue'>;
  onChange: () => void;
  log: WorkerLog;
}

export function createRequeue({ source, onChange, log }: RequeueOptions): Requeue {
  let failing = 0;
  let requeueing = 0;
  let jids: string[] = [];
  let isLeftToBroker = false;

  function requeueFailed(): void {
    const failed = jids;
    jids = [];
    requeueing++;
    void source.requeue(failed).then(() => {
      requeueing--;
      onChange();
    });
  }

  return {
    get pending() {
      return failing + requeueing;
    },
    enter(end) {
      if (isLeftToBroker) {
        log.info({ jid: end.jid, operation: end.operation }, 'job left to the broker');
        return undefined;
      }
      failing++;
      return source.takesBack ? queuedAgain(end) : end;
    },
    leaveToBroker() {
      isLeftToBroker = true;
    },
    failed({ jid, failEffect }) {
      if (failEffect !== 'gone' && failEffect !== 'queued again') jids.push(jid);
    },
    over() {
      failing--;
      if (failing === 0 && jids.length > 0) requeueFailed();
    },
  };
}
