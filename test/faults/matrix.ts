// The fault matrix: one row for each fault, what callers see of it, and the test that shows it. Tests report what they saw
// with `showed`; `npm run test:faults` gathers that for docs/reliability.md.
import { appendFileSync } from 'node:fs';

export interface FaultRow {
  /** What breaks, and how. */
  fault: string;
  /** What must hold. */
  promise: string;
  /** The file below test/ that shows it, and calls `showed` with the id of the row. */
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
      'Schedules of faults drawn from seeds: connections cut at any byte, stalls, crashes, lies, a process that stands still',
    promise: 'promises 1 to 6, held against what the simulated broker stored',
    shownBy: simulation,
  },
  'planted-bugs': {
    fault: 'A client with a bug on purpose: the list below',
    promise: 'the checker of the simulation sees each of them within 500 schedules',
    shownBy: simulation,
  },

  // Bytes on the way to the broker, on real sockets.
  'frame-cut': {
    fault: 'A frame of jobs ends at any byte, by RST, FIN or silence; plain TCP and TLS',
    promise: 'unknown, never a false no; the broker has not seen it unless its last byte arrived',
    shownBy: byteOffsets,
  },
  'reply-cut': {
    fault: 'Its reply ends at any byte, in the same ways',
    promise: 'unknown until the last byte; as answered with it',
    shownBy: byteOffsets,
  },
  'frames-cut': {
    fault: 'Three frames on one connection, they or their replies cut at any byte',
    promise: 'each has its own true answer',
    shownBy: byteOffsets,
  },
  'write-interrupted': {
    fault: 'A connection ends at any moment of a write that the kernel takes in pieces',
    promise: 'what is called not sent never arrived whole',
    shownBy: unsent,
  },
  'write-stalled': {
    fault: 'The path takes a part of a frame and stalls, until the write timeout, RST or FIN',
    promise: 'refused as not enqueued, and never seen whole',
    shownBy: unsent,
  },
  'broker-deaf': {
    fault: 'The broker stops reading',
    promise: 'what the kernel did not take is refused at the write timeout',
    shownBy: outages,
  },
  'path-bad': {
    fault: 'One byte at a time, everything in lumps, jitter, little bandwidth',
    promise: 'no answer differs',
    shownBy: outages,
  },
  'path-black-hole': {
    fault: 'The path swallows everything sent, or everything answered',
    promise:
      'unknown at the read timeout; enqueued again once it heals, over a new connection at once when only the old ones are dead',
    shownBy: outages,
  },
  'path-garbage': {
    fault: 'Garbage inside a reply',
    promise: 'unknown, and the connection is left',
    shownBy: outages,
  },
  'path-flaps': {
    fault: 'All connections are cut again and again under traffic',
    promise: 'every answer is true, and it always comes back',
    shownBy: outages,
  },

  // The broker itself.
  'broker-killed': {
    fault: 'The broker is killed and comes back, twice, under traffic',
    promise: 'every answer is true; it goes on without a restart',
    shownBy: outages,
  },
  'broker-away': {
    fault: 'The broker is away',
    promise: 'the first job waits for the attempt, all others are refused at once, with the reason',
    shownBy: outages,
  },
  'broker-absent': {
    fault: 'The broker was never there when the process started',
    promise: 'jobs are refused after the first attempt, and enqueued once it is there',
    shownBy: outages,
  },
  'broker-hangs-up': {
    fault: 'The broker hangs up after every frame, or within its reply',
    promise: 'the next connection takes over; what has no whole reply is unknown',
    shownBy: outages,
  },
  'broker-hangs': {
    fault: 'The broker reads and never answers, or never greets',
    promise:
      'unknown at the read timeout; while no connection has answered INFO since, refused within 50 ms, with one line each way; refused at the connect timeout',
    shownBy: outages,
  },
  'broker-hangs-unseen': {
    fault: 'The broker hangs, and new connections vanish as well: no packet of theirs is answered',
    promise: 'a further attempt to connect every 700 ms; enqueued again within 1 s of the return',
    shownBy: outages,
  },
  'broker-half-hangs': {
    fault: 'Two of four connections hang',
    promise: 'jobs go over the other two, and only what was on the first two is unknown',
    shownBy: outages,
  },
  'broker-refuses-one': {
    fault: 'The broker refuses one job of a frame that many callers share',
    promise: 'that caller alone is told',
    shownBy: outages,
  },
  'broker-refuses-all': {
    fault: 'The broker is over its connection limit, or shuts down',
    promise: 'refused as not enqueued, and nothing was read',
    shownBy: outages,
  },
  'close-while-hung': {
    fault: 'The process ends while the broker hangs',
    promise: 'what is in flight is answered by its deadline, and no socket is left',
    shownBy: outages,
  },

  // The whole program, timed from outside.
  'outage-timed': {
    fault: 'The broker is killed under steady load, stays away some seconds, and returns on its port',
    promise:
      'refusals in at most 5 ms (p99; until its process starts on the same processors), one attempt to connect per pause, 99 % success within 1 s of its return, no restart',
    shownBy: recovery,
  },
  'crash-loop-timed': {
    fault: 'The same again and again, every few seconds',
    promise: 'the same, each time',
    shownBy: recovery,
  },
  'absent-timed': {
    fault: 'The broker is not there when the API starts',
    promise: 'refusals in at most 5 ms (p99); 99 % success within 1 s of its coming',
    shownBy: recovery,
  },
  overload: {
    fault: 'Eight times as many jobs as the broker can store, by callers that wait for nobody',
    promise:
      'at least 95 % of the peak is stored and answered, none of it late; the others are refused in at most 5 ms (p99; after the first quarter, in which thousands connect)',
    shownBy: overload,
  },
  'overload-cpu': {
    fault:
      '9,000 callers at once, and more that come at four times the rate that the API process has processor time for',
    promise:
      'at least 60 % of the peak is stored and answered, all stored that is answered so, no answer but a clear one; no exit',
    shownBy: overload,
  },
  'batch-flood': {
    fault: 'A flood of large batches next to a few single jobs',
    promise: 'the single jobs are not starved',
    shownBy: overload,
  },

  // A real Faktory.
  checker: {
    fault:
      'None: histories with one lie in each (lost, refused and run, invented, mixed up, doubled) for the checker of the rows below',
    promise: 'it finds each of them, and nothing in a history without one',
    shownBy: conservation,
  },
  'faktory-no-fault': {
    fault: 'None: batches and single jobs at full speed on a real Faktory',
    promise: 'as many jobs in its queue as were answered 202, and as many run: none lost, none twice',
    shownBy: realFaktory,
  },
  'faktory-restarted': {
    fault: 'A real Faktory is stopped, then killed, under traffic, and comes back',
    promise: 'acknowledged <= stored <= acknowledged + unknown; it goes on without a restart',
    shownBy: realFaktory,
  },

  'broker-killed-fsync': {
    fault:
      'kill -9 of Faktory and its Redis at random moments under singles and batches, with appendfsync always. What a process wrote to the kernel outlives it: this tests the order of writes and answers, not the disk',
    promise: 'no acknowledged job is lost, no refused one is there, none is there twice; all run afterwards',
    shownBy: durability,
  },
  'broker-killed-stock': {
    fault: 'The same with Redis as Faktory sets it up, which only takes snapshots: a control',
    promise:
      'the checker sees the loss; /ready names the class that was declared (here none: `unknown`), never `fsync`',
    shownBy: durability,
  },

  'operator-flush': {
    fault: 'An operator empties Faktory (FLUSH) under load: a control',
    promise: 'the checker sees the loss, of jobs from before it only',
    shownBy: stalls,
  },
  'redis-frozen-2s': {
    fault: "Faktory's Redis stands still for 2 s under load",
    promise: 'late answers, all of them clear; one copy of each job',
    shownBy: stalls,
  },
  'redis-frozen-4s': {
    fault: 'The same for 4 s: Faktory sends a command again after 3 s',
    promise:
      'late answers; unknown only where Faktory gave up by itself; second copies only of jobs that were under way, with the same id',
    shownBy: stalls,
  },
  'redis-frozen-8s': {
    fault: 'The same for 8 s: Faktory gives up after 6 s, and Redis runs the command all the same',
    promise: 'what the error was for is unknown, never refused',
    shownBy: stalls,
  },
  'redis-frozen-fetch': {
    fault:
      'The same for 7 s while a worker fetches: Faktory takes a job from its queue and reserves it in two steps, and gives up between them',
    promise: 'none of ours: the checker sees the loss, of as many jobs as the worker has slots at most',
    shownBy: stalls,
  },
  'faktory-frozen-5s': {
    fault: 'Faktory itself stands still for 5 s under load, less than the read timeout',
    promise: 'late answers; unknown only where Faktory gave up by itself; one copy of each job',
    shownBy: stalls,
  },
  'faktory-frozen-13s': {
    fault: 'The same for 13 s, more than that',
    promise:
      'what was under way is unknown at the read timeout, what comes then is refused; enqueued again within 1 s of its return; the log says each once',
    shownBy: stalls,
  },
  'faktory-disk-full': {
    fault:
      "The disk of Faktory's Redis is full (a limit of file size stands in for it), as Faktory sets Redis up: it refuses writes once a snapshot has failed",
    promise:
      'refused with the reason, /ready says 503; enqueued again by itself when there is room; nothing acknowledged is lost',
    shownBy: diskFull,
  },
  'faktory-disk-full-fsync': {
    fault: 'The same with appendfsync always: Redis ends itself at the first write that fails, and Faktory with it',
    promise: 'what was acknowledged is there after the restart; what was in flight is unknown',
    shownBy: diskFull,
  },

  // The embedded broker.
  'embedded-killed': {
    fault: 'kill -9 of the embedded broker at random moments under load, on a disk that loses what was not synced',
    promise: 'no acknowledged job is lost, no acknowledged ACK undone',
    shownBy: kill,
  },
  'embedded-unsynced': {
    fault: 'The same with a broker that does not sync: a control',
    promise: 'the test sees the loss',
    shownBy: kill,
  },
  'store-fails': {
    fault: 'A write to its disk fails (full, broken)',
    promise: 'the commands of that write are unknown, those behind it refused, and none of them is stored',
    shownBy: storeFailure,
  },
  'store-returns': {
    fault: 'The disk works again',
    promise: 'so does the broker, by itself; what was acknowledged before is there once',
    shownBy: storeFailure,
  },
  'store-kept': {
    fault: 'The disk kept a write that it had called failed',
    promise: 'the job is there: unknown meant unknown',
    shownBy: storeFailure,
  },
  'store-flaps': {
    fault: 'Writes fail now and then under many connections, or for good',
    promise: 'every command is answered once, all acknowledged jobs are held; four tries a second to open it at most',
    shownBy: storeFailure,
  },
  'embedded-disk-full': {
    fault: 'The disk of the embedded broker, as a process, is full under load (a limit of file size stands in for it)',
    promise:
      'refused or unknown, each truly; enqueued again by itself when there is room; nothing acknowledged is lost, also by a kill -9 then',
    shownBy: diskFull,
  },

  'broker-fuzzed': {
    fault:
      '100,000 broken lines from a seed: binary, cut, long and deep ones, commands before HELLO, wrong types, huge counts',
    promise:
      'every line is answered or ends its connection; what is acknowledged is stored and nothing else; memory is flat, other clients are served',
    shownBy: brokerAbuse,
  },
  'broker-flooded': {
    fault: 'Connections up to its limit and beyond, silent ones, HELLOs sent byte by byte',
    promise:
      'those who are in are served at once; the others are told, or gone after 2 s; there is room again afterwards',
    shownBy: brokerAbuse,
  },
  'broker-wrong-password': {
    fault: 'A stream of wrong passwords, each of which costs thousands of hashes',
    promise: 'none gets in, and others are served in between',
    shownBy: brokerAbuse,
  },

  // Workers and results.
  'worker-killed': {
    fault: 'kill -9 of workers at random moments under load',
    promise: 'every acknowledged job has its result in the end',
    shownBy: workers,
  },
  'worker-restarted': {
    fault: 'Workers under two host names are stopped and started in turn under load',
    promise: 'every job has its result, none runs twice, and the exit code is 0',
    shownBy: workers,
  },
  'handlers-killed': {
    fault: 'kill -9 of workers, with asynchronous jobs in handler processes, at random moments under load',
    promise: 'every job has its result in the end',
    shownBy: handlers,
  },
  'handlers-stopped': {
    fault: 'SIGTERM of a worker with 50 jobs of 60 s under way',
    promise: 'exit code 0 within SHUTDOWN_TIMEOUT_MS; each job starts elsewhere within 2 s of the exit',
    shownBy: handlers,
  },
  'all-in-one-killed': {
    fault: 'kill -9 of the all-in-one with 50 jobs of 60 s under way, and a start on the same folder',
    promise: 'all run again within 10 s of the return, an attempt counted',
    shownBy: lostWorkers,
  },
  'worker-lost': {
    fault: 'kill -9 of a worker of the embedded broker with 50 jobs of 60 s under way, while another one waits',
    promise: 'all run again there within 20 s',
    shownBy: lostWorkers,
  },
  'worker-cut-off': {
    fault: 'The connections of such a worker break, and come back after 5 s',
    promise: 'it keeps its jobs, and none runs twice',
    shownBy: lostWorkers,
  },
  'job-kills': {
    fault: 'A job kills the all-in-one in each of its runs',
    promise: 'it is dead after `retry` further attempts, and the jobs behind it run',
    shownBy: lostWorkers,
  },
  'results-killed': {
    fault: 'The Redis of the results is killed for a while under load, and comes back',
    promise: 'every job has its result in the end; enqueueing does not notice',
    shownBy: workers,
  },
  'results-frozen': {
    fault: 'The same Redis stands still for a while',
    promise: 'the same',
    shownBy: workers,
  },

  // The API process.
  'api-restarted': {
    fault: 'API processes behind a balancer are restarted in turn under load; callers retry refused connections only',
    promise:
      'no request fails, no job is lost; the exit takes the drain delay, the longest enqueue in flight, and 2 s at most',
    shownBy: rolling,
  },
  'api-stopped': {
    fault: 'SIGTERM while enqueues are in flight at a broker that is slow, or hangs',
    promise: 'each is answered, truly; the exit takes no longer than the drain delay, the longest of them, and 2 s',
    shownBy: rolling,
  },

  // The client of callers.
  'client-embedded': {
    fault:
      'Singles and batches by work-factory/client over a path that cuts and stalls its connections, while the all-in-one is killed and restarted',
    promise: 'each job is enqueued, and is there once. Without keys jobs are there twice: a control',
    shownBy: client,
  },
  'client-faktory': {
    fault: 'The same with two API processes behind one port, in front of a real Faktory, killed in turn',
    promise:
      'no job is there twice, each that is reported as enqueued is there, and what is missing is reported as unknown',
    shownBy: client,
  },
  'stream-cut': {
    fault: 'A stream is cut at random lines and sent again with `?from`, the line behind the last one reported',
    promise: 'every line reported as enqueued is there; none is there twice but those sent and not reported at a cut',
    shownBy: streams,
  },
  'stream-memory': {
    fault: '1,000,000 lines in one stream, whose reader stops for 20 s in the middle, on the embedded broker',
    promise: 'all are enqueued, by a process that stays below 256 MiB, the broker and its index of these jobs included',
    shownBy: streams,
  },

  // Callers who send anything.
  'fuzzed-requests': {
    fault:
      '1,000,000 requests from a seed, each broken in up to four ways: heads, framing, encodings, bodies, pipelines',
    promise:
      'no answer is a 5xx other than 503 and 504, each is well-formed and has its problem; no exit, flat memory, and what is enqueued is answered',
    shownBy: fuzz,
  },
  'pipelined-behind-refused': {
    fault: 'A request that is refused, or no request at all, between two good ones on one connection',
    promise: 'a job is enqueued only when it is answered',
    shownBy: pipelining,
  },
  'cron-processes': {
    fault:
      'Three API processes with schedules of seconds: one is restarted, one is killed, and the Redis of their keys stands still for a while',
    promise: 'no tick is enqueued twice; one that is not there was told as refused or unknown',
    shownBy: cron,
  },
  'keys-redis': {
    fault: 'The Redis of keys stands still, is killed or is full while callers ask again with their keys, on Faktory',
    promise: 'never a second job, never "enqueued" without one; requests without keys do not notice',
    shownBy: keysRedis,
  },
  'backup-kill': {
    fault: 'A copy is made under load, and the service is killed after it; another one is killed while it makes a copy',
    promise:
      'the first holds every job that was acknowledged before it began, with its key and results; the second is not taken for whole',
    shownBy: backups,
  },
  'worst-body': {
    fault: 'The costliest bodies that are let in, plain and compressed',
    promise: 'parsing and checking adds at most 2 ms on a single route, 50 ms on a batch',
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
