// What `import ... from 'work-factory/client'` gives to callers of the service.
export type { BatchResult, EntryResult } from './batch.ts';
export { createClient } from './client.ts';
export type { CallOptions, Client, ClientOptions, Enqueued, WaitOptions } from './client.ts';
export type { Definitions, Entry, JobOptions } from './definitions.ts';
export { WorkFactoryError } from './error.ts';
export type { Cancelled, Job } from './job.ts';
export type { StreamOptions, StreamReports, StreamSummary } from './stream.ts';
export type { LineReport } from './stream-lines.ts';
