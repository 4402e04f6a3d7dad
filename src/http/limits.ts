// The limits of the HTTP side that no environment variable sets, each with its reason.

/** A job is below 1 KiB; 16 KiB of `[[[[` cost 1-2 ms to parse. */
export const singleBodyBytesMax = 16_384;
/** Arrays and objects in a body, and within each other: a batch of 1,000 jobs has 1,002, three deep. */
export const structureLimits = { countMax: 50_000, depthMax: 1000 };
/** Arrays and objects cost little in bodies up to this size, which is that of a batch of 1,000 jobs. */
export const structureCheckedFromBytes = 65_536;
/** All bodies that are being read, decoded, but small plain ones: 256 of the longest batches. A container of compose has 512 MiB. */
export const bodiesBytesMax = 134_217_728;
/** Node's own default. Nothing here needs it, but a browser sends the cookies of all that a host serves. */
export const headerBytesMax = 16_384;
/** Fastify's defaults leave a dripped body open for ever and dripped headers for 87 s. */
export const headersTimeoutMs = 5000;
export const requestTimeoutMs = 10_000;
/** How often Node looks for requests beyond the two timeouts above. */
export const connectionsCheckMs = 1000;
/** Longer than the idle time of common proxies (60 s), so that it is the proxy that closes. */
export const keepAliveTimeoutMs = 72_000;
/** Each costs about 7 KiB. */
export const connectionsMax = 10_000;
/** The last of these connections are for /health and /ready alone: an orchestrator that gets no response kills the process. */
export const spareConnectionsMax = 64;
/** The share of the files that the process may have open: the broker, the store of results and the logs need the others. */
export const connectionsShareOfFiles = 0.5;
/**
 * Connections that the kernel holds until we take them (it allows net.core.somaxconn, 4096). Beyond Node's 511 callers that come in
 * a crowd would wait a second or more until they are let in: the kernel drops their SYN.
 */
export const listenBacklog = 4096;
/** A caller that reads nothing of a large response for this long is cut off. */
export const slowReaderTimeoutMs = 10_000;
/** A caller that has not read all of a large response by then is cut off: 25 KB a second for the largest file of /docs. */
export const readingTimeoutMs = 60_000;
/** After the last response of a connection: time for the caller to read it before unread input makes the kernel reset it. */
export const lingerMs = 1000;
/** Responses up to this size fit the kernel's send buffer and hold no memory of ours. */
export const smallResponseBytesMax = 16_384;
/** Responses above this size are compressed when the caller asks for it. */
export const compressFromBytes = 1024;
/** The longest `?wait=`. */
export const waitSecondsMax = 30;
/** The share of all connections whose response may be held (`?wait=`), so that jobs can still be posted. Above it the present state is sent at once. */
export const waitersShare = 0.5;
/** Jobs that are being cancelled at once. The broker is given 100 together: five rounds, which it must be able to do while callers wait. */
export const cancellationsMax = 500;
/** A scheduled job that is due so soon may be queued meanwhile; Faktory's scheduler looks every 5 s, and clocks differ. */
export const cancelMarginMs = 10_000;
/** Jobs of a page of `GET /sets/{set}`: the largest is about 2 MB. */
export const setPageJobs = { default: 100, max: 1000 };
/** Characters of a job in such a page: of its arguments' JSON, its error and each name. Any client may have pushed the job. */
export const setArgsCharsMax = 1000;
export const setErrorCharsMax = 500;
export const setNameCharsMax = 200;
/** A line of a stream, without its newline: the arguments of a job may have as much. */
export const streamLineBytesMax = 65_536;
/** Lines of a stream that are read and pushed in one turn of the event loop: a full frame by default, and about a millisecond of work. */
export const streamSliceLinesMax = 100;
/** The same in characters, where lines are long: parsing 64 KiB takes as long as the largest body of a single job. */
export const streamSliceCharsMax = 65_536;
/** Lines of all streams on their way to the broker, and of one stream that are not reported: ten full frames, as ten connections take them. */
export const streamLinesMax = 1000;
/** The same in bytes of their jobs. */
export const streamBytesMax = 1_048_576;
/** The share of streams in the room for waiting jobs: the rest is for single jobs and batches. */
export const streamPendingShare = 0.5;
/** The most that one stream holds: its lines above, a chunk and the rest of a line, as bytes and as text. Taken from the memory for bodies. */
export const streamHeldBytes = 2_097_152;
/** Streams at once: half of the memory for bodies. */
export const streamsMax = 32;
/** A stream ends when for so long no byte came, and none was taken. A broker that hangs is given up sooner by default; common proxies wait as long. */
export const streamIdleMs = 60_000;
/** Actions of operators at once; an action whose caller got 504 counts until it ends. */
export const actionsMax = 32;
/** How long the caller of a backup waits for it: 1 to 6 GB. Node's fetch waits 300 s for a response. */
export const backupTimeoutMs = 240_000;
/** How long a browser may remember what a page of a named origin may send; two hours is the most that Chromium takes. */
export const preflightSeconds = 7200;
/** Ids in the body of one action, and the bytes of that body: each id may have `setNameCharsMax` characters. */
export const actionJobsMax = 1000;
export const actionBodyBytesMax = 262_144;
/** Between two readings of the console, which all pages share. */
export const consoleTickMs = 1000;
/** Pages that watch at once, each a connection and some KB a second. */
export const consoleWatchersMax = 32;
/** A page that takes nothing for so many readings is cut off; what it did not take is left out, not kept. */
export const consoleMissedMax = 15;
/** Five minutes, some 50 KB for a page that is opened. */
export const consoleHistoryPoints = 300;
/** Queues that are shown, the fullest ones. */
export const consoleQueuesMax = 100;
