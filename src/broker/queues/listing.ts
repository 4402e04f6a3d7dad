// Lists the jobs of a set page by page, and changes nothing. A page reads a limited number of records and bytes, so that it holds
// up no other work. With a filter that few jobs pass, a page has few jobs.
import type { JobSet, TimedJob, TimedPlace } from './job-set.ts';

export interface ListQuery {
  limit: number;
  from: TimedPlace | undefined;
  jobtype: string | undefined;
}

export interface ListedPage {
  jobs: TimedJob[];
  /** Undefined at the end. */
  next: TimedPlace | undefined;
}

/** The most jobs that are read for one page. */
const lookedMax = 10_000;
const bytesMax = 4 * 1024 * 1024;
/** The most jobs of one read, which are parsed in one turn of the event loop. */
const readJobsMax = 500;
const readBytesMax = 512 * 1024;

/** Matches exactly this jobtype. The text is searched first, because parsing costs more. */
export function isOfJobtype(jobtype: string): (text: string) => boolean {
  const part = `"jobtype":${JSON.stringify(jobtype)}`;
  return (text) => text.includes(part) && (JSON.parse(text) as { jobtype?: unknown }).jobtype === jobtype;
}

export async function listJobs(set: JobSet, { limit, from: start, jobtype }: ListQuery): Promise<ListedPage> {
  const matches = jobtype === undefined ? undefined : isOfJobtype(jobtype);
  const jobs: TimedJob[] = [];
  let from = start;
  let bytes = 0;
  for (let looked = 0; looked < lookedMax && bytes < bytesMax;) {
    // The read asks for a further job beyond the page: without that job the set has ended, and no second read is needed.
    const wanted = matches ? readJobsMax : Math.min(readJobsMax, limit - jobs.length + 1);
    const read = await set.read(from, wanted, readBytesMax);
    for (const job of read) {
      if (jobs.length === limit) return { jobs, next: job };
      bytes += job.text.length;
      if (!matches || matches(job.text)) jobs.push(job);
    }
    const last = read.at(-1);
    if (!last) return { jobs, next: undefined };
    looked += read.length;
    from = { dueMs: last.dueMs, sequence: last.sequence + 1 };
  }
  return { jobs, next: from };
}
