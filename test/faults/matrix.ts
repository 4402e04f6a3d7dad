// The fault matrix: one row for each fault, with what must hold and the test that shows it. Tests report their figures with
// `showed`, and `npm run test:faults` collects the figures for docs/reliability.md.
import { appendFileSync } from 'node:fs';

export interface FaultRow {
  /** What breaks, and how. */
  fault: string;
  /** What must hold. */
  promise: string;
  /** The file below test/ whose test shows it, and calls `showed` with the id of the row. */
  shownBy: string;
}

const simulation = 'simulation/simulation.test.ts';
const byteOffsets = 'faults/byte-offsets.test.ts';
const unsent = 'faults/unsent.test.ts';
const recovery = 'faults/recovery.test.ts';
const overload = 'faults/overload.test.ts';
const outages = 'faults/outages.test.ts';
const realFaktory = 'real-faktory.test.ts';
const conservation = 'faults/conservation.test.ts';
const durability = 'faults/durability.test.ts';
const stalls = 'faults/stalls.test.ts';
const diskFull = 'faults/disk-full.test.ts';
const kill = 'broker/kill.slow.test.ts';
const fuzz = 'faults/fuzz.test.ts';
const bodyCost = 'faults/body-cost.test.ts';
const pipelining = 'faults/pipelining.test.ts';
const brokerAbuse = 'faults/broker-abuse.test.ts';
const storeFailure = 'broker/store-failure.test.ts';
const workers = 'faults/workers.test.ts';
const handlers = 'faults/handlers.test.ts';
const lostWorkers = 'faults/lost-workers.test.ts';
const rolling = 'faults/rolling-restarts.test.ts';
const streams = 'faults/streams.test.ts';
const client = 'faults/client.test.ts';
const cron = 'faults/cron.test.ts';
const keysRedis = 'faults/keys-redis.test.ts';
const backups = 'backup/restore.slow.test.ts';

/** By id, in the order of the table. */
export const matrix = {
  // The client, against a broker and a path that do anything at any time.
  simulation: {
    fault:
      'Schedules of faults drawn from seeds: connections cut at any byte, stalls, crashes, wrong replies, a process that is suspended',
    promise: 'Promises 1 to 6 hold, compared with what the simulated broker has stored',
    shownBy: simulation,
  },
  'planted-bugs': {
    fault: 'The client has one of the bugs listed below, on purpose',
    promise: 'The checker of the simulation finds each bug within 500 schedules',
    shownBy: simulation,
  },

  // Bytes on the way to the broker, on real sockets.
  'frame-cut': {
    fault: 'The connection ends at any byte of a frame of jobs, by RST, FIN or silence, on plain TCP and TLS',
    promise:
      'The outcome is unknown, never a false refusal. The broker has the frame only when its last byte has arrived',
    shownBy: byteOffsets,
  },
  'reply-cut': {
    fault: 'The connection ends at any byte of the reply, in the same ways',
    promise: "The outcome is unknown before the last byte of the reply, and the broker's after it",
    shownBy: byteOffsets,
  },
  'frames-cut': {
    fault: 'The connection ends at any byte of three frames, or of their replies',
    promise: 'Each frame gets its own, true outcome',
    shownBy: byteOffsets,
  },
  'write-interrupted': {
    fault: 'A connection ends at any moment of a write that the kernel takes in pieces',
    promise: 'A frame that is reported as not sent has never arrived whole',
    shownBy: unsent,
  },
  'write-stalled': {
    fault: 'The network takes a part of a frame and stalls, until the write timeout, RST or FIN',
    promise: 'The jobs are refused as not enqueued, and the broker never gets the whole frame',
    shownBy: unsent,
  },
  'broker-deaf': {
    fault: 'The broker stops reading',
    promise: 'A frame that the kernel has not taken is refused at the write timeout',
    shownBy: outages,
  },
  'path-bad': {
    fault: 'The network delivers one byte at a time, or everything in bursts, or with jitter, or with little bandwidth',
    promise: 'Every job has the outcome that it has on a good network',
    shownBy: outages,
  },
  'path-black-hole': {
    fault: 'The network drops everything that is sent, or every reply',
    promise:
      'The jobs are unknown at the read timeout. Jobs are enqueued again when the network works, and at once over a new connection when only the old connections are dead',
    shownBy: outages,
  },
  'path-garbage': {
    fault: 'A reply contains garbage',
    promise: 'The jobs are unknown, and the connection is not used again',
    shownBy: outages,
  },
  'path-flaps': {
    fault: 'All connections are cut again and again under load',
    promise: 'Every outcome is true, and jobs are enqueued again after each cut',
    shownBy: outages,
  },

  // The broker itself.
  'broker-killed': {
    fault: 'The broker is killed and comes back, twice, under load',
    promise: 'Every outcome is true, and jobs are enqueued again without a restart of the API',
    shownBy: outages,
  },
  'broker-away': {
    fault: 'The broker is away',
    promise: 'The first job waits for the attempt to connect. All others are refused at once, with the reason',
    shownBy: outages,
  },
  'broker-absent': {
    fault: 'The broker is not there when the process starts',
    promise: 'Jobs are refused after the first attempt to connect, and enqueued when the broker is there',
    shownBy: outages,
  },
  'broker-hangs-up': {
    fault: 'The broker closes the connection after every frame, or within its reply',
    promise: 'The next connection is used, and jobs without a whole reply are unknown',
    shownBy: outages,
  },
  'broker-hangs': {
    fault: 'The broker reads and never replies, or never greets',
    promise:
      'The jobs are unknown at the read timeout. While no connection has a reply to INFO, jobs are refused within 50 ms, and the log has one line at the beginning and one at the end. Without a greeting jobs are refused at the connect timeout',
    shownBy: outages,
  },
  'broker-hangs-unseen': {
    fault: 'The broker hangs, and none of the packets of new connections gets a response',
    promise: 'Another attempt to connect begins every 700 ms, and jobs are enqueued again within 1 s of the return',
    shownBy: outages,
  },
  'broker-half-hangs': {
    fault: 'Two of four connections hang',
    promise: 'Jobs leave over the other two, and only the jobs on the first two are unknown',
    shownBy: outages,
  },
  'broker-refuses-one': {
    fault: 'The broker refuses one job of a frame that many callers share',
    promise: 'Only the caller of that job gets the refusal',
    shownBy: outages,
  },
  'broker-refuses-all': {
    fault: 'The broker has reached its connection limit, or shuts down',
    promise: 'The jobs are refused as not enqueued, and the broker has read none of them',
    shownBy: outages,
  },
  'close-while-hung': {
    fault: 'The process ends while the broker hangs',
    promise: 'Every job in flight has an outcome at its deadline, and no socket stays open',
    shownBy: outages,
  },

  // The whole program, timed from outside.
  'outage-timed': {
    fault: 'The broker is killed under steady load, stays away some seconds, and returns on its port',
    promise:
      "Refusals take at most 5 ms (p99; until the broker's process starts on the same processors). There is one attempt to connect per pause. Within 1 s of the return 99 % of the jobs are enqueued, without a restart of the API",
    shownBy: recovery,
  },
  'crash-loop-timed': {
    fault: 'The broker is killed and returns again and again, every few seconds',
    promise: 'The same holds each time',
    shownBy: recovery,
  },
  'absent-timed': {
    fault: 'The broker is not there when the API starts',
    promise: 'Refusals take at most 5 ms (p99). Within 1 s of its coming 99 % of the jobs are enqueued',
    shownBy: recovery,
  },
  overload: {
    fault: 'Callers that do not wait for responses post eight times as many jobs as the broker can store',
    promise:
      'At least 95 % of the peak is stored and acknowledged, and no response is late. The other jobs are refused in at most 5 ms (p99; after the first quarter, in which thousands of callers connect)',
    shownBy: overload,
  },
  'overload-cpu': {
    fault:
      '9,000 callers post at once, and more come at four times the rate for which the API process has processor time',
    promise:
      'At least 60 % of the peak is stored and acknowledged, every acknowledged job is stored, every outcome is clear, and the process does not end',
    shownBy: overload,
  },
  'batch-flood': {
    fault: 'Large batches come without pause, beside a few single jobs',
    promise: 'The single jobs are accepted',
    shownBy: overload,
  },

  // A real Faktory.
  checker: {
    fault:
      'None. The checker of the rows below gets histories with one error in each: a job that is lost, refused and run, invented, mixed up or doubled',
    promise: 'The checker finds each error, and finds none in a history without an error',
    shownBy: conservation,
  },
  'faktory-no-fault': {
    fault: 'None. Batches and single jobs are posted at full speed to a real Faktory',
    promise: 'Faktory has stored, and workers have run, exactly the jobs that were acknowledged with 202',
    shownBy: realFaktory,
  },
  'faktory-restarted': {
    fault: 'A real Faktory is stopped, then killed, under load, and comes back',
    promise:
      'acknowledged <= stored <= acknowledged + unknown, and jobs are enqueued again without a restart of the API',
    shownBy: realFaktory,
  },

  'broker-killed-fsync': {
    fault:
      'kill -9 of Faktory and its Redis at random moments under load of single jobs and batches, with appendfsync always. Bytes that a process has written to the kernel outlive the process, so this tests the order of writes and replies, not the disk',
    promise: 'No acknowledged job is lost, no refused job is stored, no job is stored twice, and all run afterwards',
    shownBy: durability,
  },
  'broker-killed-stock': {
    fault: 'A control: the same with Redis as Faktory sets it up, with snapshots only',
    promise:
      'The checker finds the loss. /ready reports the durability that was declared (here none, so `unknown`), never `fsync`',
    shownBy: durability,
  },

  'operator-flush': {
    fault: 'A control: an operator empties Faktory (FLUSH) under load',
    promise: 'The checker finds the loss, which concerns only jobs from before the FLUSH',
    shownBy: stalls,
  },
  'redis-frozen-2s': {
    fault: "Faktory's Redis is suspended for 2 s under load",
    promise: 'Responses are late, every outcome is clear, and each job is stored once',
    shownBy: stalls,
  },
  'redis-frozen-4s': {
    fault: 'The same for 4 s. Faktory sends a command again after 3 s',
    promise:
      'Responses are late. Outcomes are unknown only where Faktory itself gave up. Only jobs that were under way are stored twice, under the same id',
    shownBy: stalls,
  },
  'redis-frozen-8s': {
    fault: 'The same for 8 s. Faktory gives up after 6 s, and Redis still runs the command',
    promise: 'Jobs for which Faktory reported an error are unknown, never refused',
    shownBy: stalls,
  },
  'redis-frozen-fetch': {
    fault:
      'The same for 7 s while a worker fetches. Faktory takes a job from its queue and reserves it in two steps, and gives up between them',
    promise: 'Nothing is promised: the checker finds the loss, of at most as many jobs as the worker has slots',
    shownBy: stalls,
  },
  'faktory-frozen-5s': {
    fault: 'Faktory itself is suspended for 5 s under load, which is less than the read timeout',
    promise: 'Responses are late. Outcomes are unknown only where Faktory itself gave up. Each job is stored once',
    shownBy: stalls,
  },
  'faktory-frozen-13s': {
    fault: 'The same for 13 s, which is more than the read timeout',
    promise:
      'Jobs that were under way are unknown at the read timeout, and later jobs are refused. Jobs are enqueued again within 1 s of the return. The log has one line for each change',
    shownBy: stalls,
  },
  'faktory-disk-full': {
    fault:
      "The disk of Faktory's Redis is full (a limit of file size stands in for it). Redis is set up as Faktory does it, and refuses writes when a snapshot has failed",
    promise:
      'Jobs are refused with the reason, and /ready says 503. Jobs are enqueued again, without help, when there is room. No acknowledged job is lost',
    shownBy: diskFull,
  },
  'faktory-disk-full-fsync': {
    fault: 'The same with appendfsync always: Redis ends at the first write that fails, and Faktory ends with it',
    promise: 'Acknowledged jobs are there after the restart, and jobs that were in flight are unknown',
    shownBy: diskFull,
  },

  // The embedded broker.
  'embedded-killed': {
    fault: 'kill -9 of the embedded broker at random moments under load, on a disk that loses what was not synced',
    promise: 'No acknowledged job is lost, and no acknowledged ACK is undone',
    shownBy: kill,
  },
  'embedded-unsynced': {
    fault: 'A control: the same with a broker that does not sync',
    promise: 'The test finds the loss',
    shownBy: kill,
  },
  'store-fails': {
    fault: "A write to the embedded broker's disk fails (full, broken)",
    promise: 'The commands of that write are unknown, later commands are refused, and no refused job is stored',
    shownBy: storeFailure,
  },
  'store-returns': {
    fault: 'The disk works again',
    promise: 'The broker works again without a restart, and every job that was acknowledged before is there once',
    shownBy: storeFailure,
  },
  'store-kept': {
    fault: 'The disk has kept a write that it reported as failed',
    promise: 'The job is there, as its outcome "unknown" allows',
    shownBy: storeFailure,
  },
  'store-flaps': {
    fault: 'Writes fail now and then under many connections, or for good',
    promise:
      'Every command gets one reply, and all acknowledged jobs are there. The broker tries at most four times a second to open the store',
    shownBy: storeFailure,
  },
  'embedded-disk-full': {
    fault: 'The disk of the embedded broker, as a process, is full under load (a limit of file size stands in for it)',
    promise:
      'Every outcome is refused or unknown, and true. Jobs are enqueued again, without help, when there is room. No acknowledged job is lost, even by a kill -9 at that time',
    shownBy: diskFull,
  },

  'broker-fuzzed': {
    fault:
      '100,000 broken lines from a seed: binary, cut, long and deep lines, commands before HELLO, wrong types, huge counts',
    promise:
      'Every line gets a reply or ends its connection. Exactly the acknowledged jobs are stored. Memory stays flat, and other clients are served',
    shownBy: brokerAbuse,
  },
  'broker-flooded': {
    fault:
      "Clients open connections up to the broker's limit and beyond, some silent, some with a HELLO sent byte by byte",
    promise:
      'Clients within the limit are served at once. The others get an error, or are disconnected after 2 s. Afterwards there is room again',
    shownBy: brokerAbuse,
  },
  'broker-wrong-password': {
    fault: 'Clients send wrong passwords without pause, each of which costs thousands of hashes',
    promise: 'No such client gets in, and others are served meanwhile',
    shownBy: brokerAbuse,
  },

  // Workers and results.
  'worker-killed': {
    fault: 'kill -9 of workers at random moments under load',
    promise: 'Every acknowledged job has its result in the end',
    shownBy: workers,
  },
  'worker-restarted': {
    fault: 'Workers under two host names are stopped and started in turn under load',
    promise: 'Every job has its result, no job runs twice, and the exit code is 0',
    shownBy: workers,
  },
  'handlers-killed': {
    fault: 'kill -9 of workers, with asynchronous jobs in handler processes, at random moments under load',
    promise: 'Every job has its result in the end',
    shownBy: handlers,
  },
  'handlers-stopped': {
    fault: 'SIGTERM of a worker with 50 jobs of 60 s under way',
    promise: 'The exit code is 0 within SHUTDOWN_TIMEOUT_MS, and each job starts elsewhere within 2 s of the exit',
    shownBy: handlers,
  },
  'all-in-one-killed': {
    fault: 'kill -9 of the all-in-one with 50 jobs of 60 s under way, and a start on the same folder',
    promise: 'All jobs run again within 10 s of the return, and an attempt is counted',
    shownBy: lostWorkers,
  },
  'worker-lost': {
    fault: 'kill -9 of a worker of the embedded broker with 50 jobs of 60 s under way, while another worker waits',
    promise: 'The other worker runs all jobs within 20 s',
    shownBy: lostWorkers,
  },
  'worker-cut-off': {
    fault: 'The connections of such a worker break, and come back after 5 s',
    promise: 'The worker keeps its jobs, and none runs twice',
    shownBy: lostWorkers,
  },
  'job-kills': {
    fault: 'A job kills the all-in-one in each of its runs',
    promise: 'The job is dead after `retry` further attempts, and the jobs behind it run',
    shownBy: lostWorkers,
  },
  'results-killed': {
    fault: 'The Redis of the results is killed for a while under load, and comes back',
    promise: 'Every job has its result in the end, and enqueueing goes on unchanged',
    shownBy: workers,
  },
  'results-frozen': {
    fault: 'The same Redis is suspended for a while',
    promise: 'The same holds',
    shownBy: workers,
  },

  // The API process.
  'api-restarted': {
    fault: 'API processes behind a balancer are restarted in turn under load. Callers retry only refused connections',
    promise:
      'No request fails, and no job is lost. The exit takes at most the drain delay, the longest enqueue in flight, and 2 s',
    shownBy: rolling,
  },
  'api-stopped': {
    fault: 'SIGTERM while enqueues are in flight at a broker that is slow, or hangs',
    promise: 'Each request gets a true response. The exit takes at most the drain delay, the longest request, and 2 s',
    shownBy: rolling,
  },

  // The client of callers.
  'client-embedded': {
    fault:
      'work-factory/client posts single jobs and batches over a network that cuts and stalls its connections, while the all-in-one is killed and restarted',
    promise: 'Each job is enqueued, and stored once. Without keys, as a control, jobs are stored twice',
    shownBy: client,
  },
  'client-faktory': {
    fault: 'The same with two API processes behind one port, in front of a real Faktory, killed in turn',
    promise:
      'No job is stored twice, every job that is reported as enqueued is stored, and every job that is missing is reported as unknown',
    shownBy: client,
  },
  'stream-cut': {
    fault: 'A stream is cut at random lines and sent again with `?from`, from the line after the last report',
    promise:
      'Every line that is reported as enqueued is stored. Only lines that were sent and not reported at a cut are stored twice',
    shownBy: streams,
  },
  'stream-memory': {
    fault: 'One stream posts 1,000,000 lines to the embedded broker, and its reader stops for 20 s in the middle',
    promise:
      'All jobs are enqueued by a process that stays below 256 MiB, including the broker and its index of these jobs',
    shownBy: streams,
  },

  // Callers who send anything.
  'fuzzed-requests': {
    fault:
      '1,000,000 requests from a seed, each broken in up to four ways: headers, framing, encodings, bodies, pipelines',
    promise:
      'No response is a 5xx other than 503 and 504. Every response is well formed and has its problem. The process does not end, memory stays flat, and every enqueued job is acknowledged',
    shownBy: fuzz,
  },
  'pipelined-behind-refused': {
    fault: 'Between two good requests on one connection comes a request that is refused, or bytes that are no request',
    promise: 'A job is enqueued only when its request gets a response',
    shownBy: pipelining,
  },
  'cron-processes': {
    fault:
      'Three API processes have schedules of seconds. One process is restarted, one is killed, and the Redis of their keys is suspended for a while',
    promise: 'No tick is enqueued twice, and every tick that is missing was reported as refused or unknown',
    shownBy: cron,
  },
  'keys-redis': {
    fault: 'The Redis of keys is suspended, killed or full while callers repeat requests with their keys, on Faktory',
    promise:
      'No key makes a second job, and no response says "enqueued" without a job. Requests without keys go on unchanged',
    shownBy: keysRedis,
  },
  'backup-kill': {
    fault:
      'A backup is made under load, and the service is killed after it. Another service is killed while it makes a backup',
    promise:
      'The first backup has every job that was acknowledged before it began, with its key and result. The second is not taken for whole',
    shownBy: backups,
  },
  'worst-body': {
    fault: 'Callers send the costliest bodies that are accepted, plain and compressed',
    promise: 'Parsing and checking adds at most 2 ms to a request with a single job, and 50 ms to a batch',
    shownBy: bodyCost,
  },
} as const satisfies Record<string, FaultRow>;

export type FaultId = keyof typeof matrix;

/** A line of the file that FAULT_FIGURES names. */
export type Figure = { row: FaultId; seen: string } | { bug: string; seen: string };

function note(figure: Figure): void {
  const file = process.env['FAULT_FIGURES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(figure)}\n`);
}

/** Prints what a test saw, in figures, and keeps it where FAULT_FIGURES names a file. Several reports of a row are joined. */
export function showed(row: FaultId, seen: string): void {
  console.log(`${row}: ${seen}`);
  note({ row, seen });
}

/** The same for a planted bug of the simulation, by its name. */
export const caught = (bug: string, seen: string): void => note({ bug, seen });
