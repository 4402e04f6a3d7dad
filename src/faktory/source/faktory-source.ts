// JobSource over FWP: the connections of a worker, its FETCHes, ACKs, FAILs and BEATs.
import type { JobSource, JobSourceEvents, Reported } from '../../domain/job-source.ts';
import type { FaktoryClient } from '../client.ts';
import {
  createAwayLog,
  createClients,
  type SourceClients,
  type SourceClientsOptions,
  type SourceLog,
} from './clients.ts';
import { createFetchSilence } from './fetch-silence.ts';
import { createFetcher } from './fetcher.ts';
import { createHeartbeat } from './heartbeat.ts';
import { createReporter } from './reporter.ts';

export interface FaktorySourceOptions<End extends Reported> extends SourceClientsOptions, JobSourceEvents<End> {
  wid: string;
  /** Pause after an empty FETCH. */
  pollIntervalMs: number;
  heartbeatIntervalMs: number;
  log: SourceLog;
}

export interface FaktorySource<End extends Reported> extends JobSource<End> {
  readonly clients: SourceClients;
}

/** A broker that works has replied to INFO by then. */
const infoWaitMs = 500;
const noop = (): void => undefined;

export function createFaktorySource<End extends Reported>(options: FaktorySourceOptions<End>): FaktorySource<End> {
  const { wid, clock, heartbeatIntervalMs: intervalMs, queues, onChange, onState, log } = options;
  const clients = createClients(options, {
    fetch() {
      fetcher.adopt();
      awayLog.look();
      onChange();
    },
    report: () => reporter.pump(),
    beat: () => heartbeat.onClientChange(),
  });
  const { fetch, report, beat } = clients;
  const reporter = createReporter({ ...options, client: report });
  const heartbeat = createHeartbeat({ client: beat, wid, clock, intervalMs, log, onState });
  const silence = createFetchSilence({ clock, beatRepliedMs: () => heartbeat.repliedMs });
  const fetcher = createFetcher({
    ...options,
    silence,
    client: fetch,
    fetchLine: () => `FETCH ${queues().join(' ')}`,
    endsFetches: () => beat.isEmbedded,
    probe: () => beat.info(),
  });
  const awayLog = createAwayLog(clients, log);

  return {
    clients,
    get fetching() {
      return fetcher.outstanding;
    },
    get reporting() {
      return reporter.pending;
    },
    get takesBack() {
      return beat.isEmbedded;
    },
    get problem() {
      return fetch.downReason ?? silence.problem;
    },
    start() {
      fetcher.start();
      // INFO tells whether the broker is the embedded one. Until its reply the broker counts as Faktory.
      void beat.warm.then(() => beat.info()).then(onChange, noop);
    },
    fetch: fetcher.pump,
    ack: reporter.ack,
    fail: reporter.fail,
    requeue: (jids) => requeueFailed(report, jids, log),
    checkTakesBack: () =>
      Promise.race([
        beat.info().then(noop, noop),
        new Promise<void>((resolve) => void clock.after(infoWaitMs, resolve)),
      ]),
    quiet() {
      fetcher.stop();
      heartbeat.quiet();
    },
    finish() {
      awayLog.end();
      fetcher.finish();
    },
    async close() {
      fetcher.stop();
      heartbeat.stop();
      await Promise.all(Object.values(clients).map((client) => client.close()));
    },
  };
}

/**
 * Requeues jobs after their FAIL. They are in the retries or, where no retry is left, in the dead. Resolves when both MUTATEs have
 * ended, whether they succeeded or not.
 */
async function requeueFailed(
  client: Pick<FaktoryClient, 'send'>,
  jids: readonly string[],
  log: SourceLog,
): Promise<void> {
  // A space would end the command (contribsys/faktory server/mutate.go, v1.9.4). This program makes no such jid.
  const sent = jids.filter((jid) => !/\s/.test(jid));
  await Promise.all(
    ['retries', 'dead'].map(async (target) => {
      try {
        await client.send(['MUTATE', JSON.stringify({ cmd: 'requeue', target, filter: { jids: sent } })]);
      } catch (error) {
        const { message } = error as Error;
        log.warn({ target, jobs: sent.length, error: message }, 'jobs given back are not queued again at once');
      }
    }),
  );
}
