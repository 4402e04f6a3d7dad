// A worker over a JobSource in memory: it needs nothing of FWP.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { JobSource, JobSourceEvents } from '../../src/domain/job-source.ts';
import type { EndedRun } from '../../src/worker/ended-run.ts';
import { createWorker } from '../../src/worker/worker.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';
import { registry } from '../helpers/jobs.ts';
import { job } from './worker-harness.ts';

const ignore = (): void => undefined;

function startWorkerInMemory() {
  const clock = createFakeClock();
  const calls: string[] = [];
  let events!: JobSourceEvents<EndedRun>;
  const source: JobSource<EndedRun> = {
    fetching: 0,
    reporting: 0,
    takesBack: true,
    problem: undefined,
    start: () => void calls.push('start'),
    fetch: (room) => void (room > 0 && calls.push(`fetch ${room} of ${events.queues().join()}`)),
    ack: ({ jid }) => void calls.push(`ack ${jid}`),
    fail: ({ jid }, { errtype }) => void calls.push(`fail ${jid} ${errtype}`),
    requeue: () => Promise.resolve(),
    checkTakesBack: () => Promise.resolve(),
    quiet: () => void calls.push('quiet'),
    finish: () => void calls.push('finish'),
    close: async () => void calls.push('close'),
  };
  let terminated = 0;
  const worker = createWorker({
    openSource(given) {
      events = given;
      return source;
    },
    clock,
    random: () => 0,
    registry,
    queues: ['high', 'low'],
    isInOrder: true,
    handlers: undefined,
    concurrency: 3,
    results: undefined,
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    onTerminate: () => void terminated++,
  });
  return { worker, clock, calls, events, terminated: () => terminated };
}

it('a worker runs the jobs of a source and reports each in the turn in which it came', async () => {
  const { worker, clock, calls, events } = startWorkerInMemory();
  worker.start();
  clock.advance(0);
  assert.deepEqual(calls.splice(0), ['start', 'fetch 3 of high,low']);
  events.onJob(job({ jid: 'one' }));
  events.onJob(job({ jid: 'two', jobtype: 'unheard_of' }));
  assert.deepEqual(calls.splice(0), ['ack one', 'fail two UnknownJobtype']);
  const stopped = worker.stop(200);
  clock.advance(0);
  await stopped;
  assert.deepEqual([calls[0], calls[1], calls.at(-1)], ['quiet', 'finish', 'close']);
});

it('a source that says terminate makes its worker quiet and has its process ended', () => {
  const { calls, events, terminated } = startWorkerInMemory();
  events.onState('quiet');
  assert.deepEqual([calls.splice(0), terminated()], [['quiet'], 0]);
  events.onState('terminate');
  assert.deepEqual([calls, terminated()], [['quiet'], 1]);
});
