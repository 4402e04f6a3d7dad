// The limits of the HTTP side that no environment variable sets, each with its reason.

/** A job is below 1 KiB; 16 KiB of `[[[[` cost 1-2 ms to parse. */
export const singleBodyBytesMax = 16_384;
/** The most arrays and objects in a body, and their deepest nesting. A batch of 1,000 jobs has 1,002, three deep. */
export const structureLimits = { countMax: 50_000, depthMax: 1000 };
/** Bodies up to this size, that of a batch of 1,000 jobs, are not checked: arrays and objects cost little there. */
export const structureCheckedFromBytes = 65_536;
/** The most bytes of all bodies that are being read, small plain ones excepted: 256 of the longest batches, in 512 MiB of compose. */
export const bodiesBytesMax = 134_217_728;
/** Node's own default. Nothing here needs it, but a browser sends the cookies of all that a host serves. */
export const headerBytesMax = 16_384;
/** With Fastify's defaults a body that comes byte by byte would stay open for ever, and such headers for 87 s. */
export const headersTimeoutMs = 5000;
export const requestTimeoutMs = 10_000;
/** How often Node looks for requests beyond the two timeouts above. */
export const connectionsCheckMs = 1000;
/** Longer than the idle time of common proxies (60 s), so that the proxy closes first. */
export const keepAliveTimeoutMs = 72_000;
/** Each connection costs about 7 KiB. */
export const connectionsMax = 10_000;
/** The last connections serve only /health and /ready, because an orchestrator that gets no response kills the process. */
export const spareConnectionsMax = 64;
/** The share of the process's open files for callers. The broker, the store of results and the logs need the rest. */
export const connectionsShareOfFiles = 0.5;
/**
 * Connections that the kernel holds until the process accepts them (it allows net.core.somaxconn, 4096). With Node's 511, callers
 * in a crowd would wait a second or more, because the kernel drops their SYN.
 */
export const listenBacklog = 4096;
/** The connection of a caller that reads nothing of a large response for this long is closed. */
export const slowReaderTimeoutMs = 10_000;
/** The most time to read a large response: 25 KB a second for the largest file of /docs. Then the connection is closed. */
export const readingTimeoutMs = 60_000;
/** The time for a caller to read the last response of a connection. After it unread input makes the kernel reset the connection. */
export const lingerMs = 1000;
/** Responses up to this size fit the kernel's send buffer and take no memory of the process. */
export const smallResponseBytesMax = 16_384;
/** Responses above this size are compressed when the caller asks for it. */
export const compressFromBytes = 1024;
/** The longest `?wait=`. */
export const waitSecondsMax = 30;
/** The share of connections whose response may be held (`?wait=`), so that jobs can still be posted. Others get the state at once. */
export const waitersShare = 0.5;
/** The most jobs that are being cancelled. The broker gets 100 together: five rounds, which it must manage while callers wait. */
export const cancellationsMax = 500;
/** A scheduled job that is due within this time may already be queued: Faktory's scheduler looks every 5 s, and clocks differ. */
export const cancelMarginMs = 10_000;
/** Jobs of a page of `GET /sets/{set}`. The largest page has about 2 MB. */
export const setPageJobs = { default: 100, max: 1000 };
/** In a page of a set: the most characters of a job's arguments, error and names. Any client may have pushed the job. */
export const setArgsCharsMax = 1000;
export const setErrorCharsMax = 500;
export const setNameCharsMax = 200;
/** The most bytes of a line of a stream, without its newline. The arguments of a job have the same limit. */
export const streamLineBytesMax = 65_536;
/** The most lines of a stream that are read and pushed in one turn: a full frame by default, and about a millisecond of work. */
export const streamSliceLinesMax = 100;
/** The same limit in characters, for long lines. Parsing 64 KiB takes as long as the largest body of a single job. */
export const streamSliceCharsMax = 65_536;
/** The most lines of all streams on their way to the broker, and of one stream without a report: ten frames, for ten connections. */
export const streamLinesMax = 1000;
/** The same limit in bytes of the lines' jobs. */
export const streamBytesMax = 1_048_576;
/** The share of waiting jobs that streams may use. The rest is for single jobs and batches. */
export const streamPendingShare = 0.5;
/** The most bytes of one stream: its lines, a chunk and the rest of a line, as bytes and text. A part of `bodiesBytesMax`. */
export const streamHeldBytes = 2_097_152;
/** The most streams at once: half of the memory for bodies. */
export const streamsMax = 32;
/** A stream ends after this long without a byte in either direction. A broker that hangs is given up sooner. Proxies wait as long. */
export const streamIdleMs = 60_000;
/** The most actions of operators at once. An action whose caller got 504 counts until it ends. */
export const actionsMax = 32;
/** How long the caller of a backup waits for it, which is enough for 1 to 6 GB. Node's fetch waits 300 s for a response. */
export const backupTimeoutMs = 240_000;
/** How long a browser may remember what a page of another origin may send. Chromium takes two hours at most. */
export const preflightSeconds = 7200;
/** The most ids in the body of one action, and the bytes of that body. Each id may have `setNameCharsMax` characters. */
export const actionJobsMax = 1000;
export const actionBodyBytesMax = 262_144;
/** The time between two readings of the console, which all pages share. */
export const consoleTickMs = 1000;
/** The most pages that watch at once. Each takes a connection and some KB a second. */
export const consoleWatchersMax = 32;
/** A page that takes nothing for this many readings is disconnected. Events that it did not take are left out, not kept. */
export const consoleMissedMax = 15;
/** Five minutes, some 50 KB for each page that is opened. */
export const consoleHistoryPoints = 300;
/** The most queues that are shown. They are the fullest. */
export const consoleQueuesMax = 100;
