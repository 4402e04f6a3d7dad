// A worker against a scripted broker whose FETCHes a test answers one by one, and stores that a test can hold and break.
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import { createJid } from '../../src/domain/jid.ts';
import { createRegistry } from '../../src/domain/job-type.ts';
import type { JobRecord, ResultStore } from '../../src/domain/results.ts';
import {
  createFaktorySource,
  type FaktorySource,
  type FaktorySourceOptions,
} from '../../src/faktory/source/faktory-source.ts';
import { createWid } from '../../src/roles/queue-groups.ts';
import { createArithmetic, twoNumbers } from '../../src/jobs/arithmetic.ts';
import type { EndedRun } from '../../src/worker/ended-run.ts';
import { createWorker, type Worker, type WorkerOptions } from '../../src/worker/worker.ts';
import { registry } from '../helpers/jobs.ts';
import {
  bulk,
  ok,
  startScriptedBroker,
  type Peer,
  type ScriptedBroker,
  type Script,
} from '../helpers/scripted-broker.ts';

export const nil = '$-1\r\n';

/** Its `add` throws. */
export const throwingRegistry = createRegistry([
  createArithmetic({
    name: 'add',
    symbol: '+',
    schema: twoNumbers,
    compute() {
      throw new RangeError('the abacus broke');
    },
    example: { a: 1, b: 2, result: 3 },
  }),
]);

export interface LogLine {
  level: string;
  fields: Record<string, unknown>;
  message: string;
}

export interface StartedWorker extends Worker {
  /** Its name in Faktory's page. */
  readonly wid: string;
  readonly source: FaktorySource<EndedRun>;
  readonly lines: LogLine[];
}

type SourceOptions = Pick<
  FaktorySourceOptions<EndedRun>,
  'readTimeoutMs' | 'connectionsMax' | 'pollIntervalMs' | 'heartbeatIntervalMs'
>;
type Options = Partial<Omit<WorkerOptions, 'openSource' | 'log'> & SourceOptions>;

/** Starts a worker; it is stopped with the test. */
export function startWorker(t: Pick<TestContext, 'after'>, port: number, options: Options = {}): StartedWorker {
  const lines: LogLine[] = [];
  const write =
    (level: string) =>
    (first: unknown, message?: string): void => {
      const isText = typeof first === 'string';
      const fields = isText ? {} : (first as Record<string, unknown>);
      lines.push({ level, fields, message: isText ? first : (message ?? '') });
    };
  const wid = createWid();
  const common = {
    clock: systemClock,
    random: Math.random,
    concurrency: 10,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
  };
  let source!: FaktorySource<EndedRun>;
  const worker = createWorker({
    ...common,
    registry,
    queues: ['default'],
    isInOrder: true,
    handlers: undefined,
    results: undefined,
    ...options,
    openSource: (events) =>
      (source = createFaktorySource({
        ...common,
        connectTimeoutMs: 2000,
        readTimeoutMs: 10_000,
        writeTimeoutMs: 2000,
        keepAliveDelayMs: 60_000,
        connectionsMax: 64,
        pollIntervalMs: 0,
        heartbeatIntervalMs: 15_000,
        ...options,
        ...events,
        wid,
        address: { host: '127.0.0.1', port, tls: false, password: undefined },
      })),
  });
  t.after(() => worker.stop(200));
  worker.start();
  return Object.assign(worker, { wid, source, lines });
}

export interface FetchScript extends ScriptedBroker {
  /** FETCHes without a reply, the oldest first. */
  readonly held: readonly Peer[];
  /** Answers the oldest FETCH, of the given connection or of any, with a job or with what is given. */
  replyToFetch(reply?: string, peer?: Peer): void;
  /** Every FETCH from now on is answered at once with one of these, until they are used up. */
  enqueue(jobs: readonly string[]): void;
  /** Resolves with the jids of such lines so far, as soon as there are so many. */
  reported(verb: 'ACK' | 'FAIL', count: number): Promise<string[]>;
}

/** The broker's reply to any line but FETCH and END; undefined: OK. */
export async function startFetchScript(t: Pick<TestContext, 'after'>, other?: Script['reply']): Promise<FetchScript> {
  const held: Peer[] = [];
  const known = new Set<Peer>();
  const jobs: string[] = [];
  const broker = await startScriptedBroker({
    script: {
      reply(line, peer) {
        if (line === 'END') return void peer.end();
        if (!line.startsWith('FETCH ')) return other?.(line, peer) ?? (line === 'INFO' ? bulk('{}') : ok);
        const job = jobs.shift();
        if (job !== undefined) return bulk(job);
        held.push(peer);
        if (!known.has(peer))
          peer.socket.once('close', () => held.splice(0, held.length, ...held.filter((one) => one !== peer)));
        known.add(peer);
        return undefined;
      },
    },
  });
  t.after(() => broker.close());
  const reports = (verb: string): string[] =>
    broker.lines
      .filter((line) => line.startsWith(`${verb} `))
      .map((line) => (JSON.parse(line.slice(verb.length + 1)) as { jid: string }).jid);
  // Not a copy: the broker's counts are getters.
  return Object.assign(Object.create(broker) as ScriptedBroker, {
    held,
    replyToFetch(reply = bulk(job()), peer = held[0]) {
      const index = held.findIndex((one) => one === peer);
      if (index === -1) throw new Error('no FETCH to reply to');
      held.splice(index, 1)[0]?.write(reply);
    },
    enqueue: (more: readonly string[]) => void jobs.push(...more),
    async reported(verb: 'ACK' | 'FAIL', count: number) {
      await broker.until(() => reports(verb).length >= count);
      return reports(verb);
    },
  });
}

/** A job's JSON as FETCH brings it. */
export const job = (fields: Record<string, unknown> = {}): string =>
  JSON.stringify({
    jid: createJid(),
    queue: 'default',
    jobtype: 'math_add',
    args: [{ a: 1, b: 2, request_id: null }],
    retry: 25,
    ...fields,
  });

export interface HeldResults extends ResultStore {
  readonly puts: JobRecord[][];
  /** Of these the records that do not only say that a job has begun. */
  readonly told: JobRecord[];
  /** How the next puts end; without it they succeed. */
  onPut: (records: readonly JobRecord[]) => Promise<void>;
}

export function createHeldResults(): HeldResults {
  const results: HeldResults = {
    puts: [],
    get told() {
      return results.puts.flat().filter(({ state, error, progress }) => state !== 'pending' || error || progress);
    },
    onPut: () => Promise.resolve(),
    get: () => Promise.resolve(undefined),
    wait: () => Promise.resolve(undefined),
    put(records) {
      results.puts.push([...records]);
      return results.onPut(records);
    },
    cancel: () => Promise.resolve(false),
    check: () => Promise.resolve(),
    remember: () => undefined,
    close: () => Promise.resolve(),
  };
  return results;
}
