// Jobs that the worker gives back although they did not fail. The embedded broker takes them back with a FAIL that says so.
// Faktory has no word for that: it is told FAIL, and when it has taken the last one, to queue them all again at once (MUTATE
// requeue), from where a failed job goes: the retries or, where none is left, the dead. One attempt is counted.
import type { FaktoryClient } from '../faktory/client.ts';
import type { JobEnd } from './job-end.ts';
import type { WorkerLog } from './job-log.ts';

export interface GiveBack {
  /** FAILs and MUTATEs without an answer. */
  readonly pending: number;
  /** Its FAIL was given to the reporter. */
  failing(): void;
  /** The broker has taken the FAIL. */
  failed(end: JobEnd): void;
  /** The FAIL is over, taken or not. */
  over(): void;
}

export interface GiveBackOptions {
  client: FaktoryClient;
  onChange: () => void;
  log: WorkerLog;
}

export function createGiveBack({ client, onChange, log }: GiveBackOptions): GiveBack {
  let failing = 0;
  let mutating = 0;
  let jids: string[] = [];

  function requeue(): void {
    // A space would end the command (contribsys/faktory server/mutate.go, v1.9.4), and nobody can want such a jid.
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
    failing: () => void failing++,
    failed({ jid, fate }) {
      if (fate !== 'gone' && fate !== 'queued again') jids.push(jid);
    },
    over() {
      failing--;
      if (failing === 0 && jids.length > 0) requeue();
    },
  };
}
