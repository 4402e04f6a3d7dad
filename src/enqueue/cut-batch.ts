// Cuts a batch into the slices that leave together.
import type { Job } from '../domain/job.ts';

export interface Slice {
  start: number;
  /** The index after its last job. */
  end: number;
  bytes: number;
}

/** Whether an attachment belongs to both jobs. */
const belongTogether = ({ attachments: before }: Job, { attachments: after }: Job): boolean =>
  before?.some((one) => after?.includes(one)) ?? false;

/** Cuts a batch into `count` equal slices. A slice with too many bytes is cut again. Jobs that belong together stay together. */
export function cutBatch(jobs: readonly Job[], count: number, bytesMax: number): Slice[] {
  const slices: Slice[] = [];
  const sliceOf = (index: number): number => Math.floor((index * count) / jobs.length);
  let start = 0;
  let bytes = 0;
  for (let index = 0; index < jobs.length; index++) {
    const { encodedBytes } = jobs[index] as Job;
    const isCut = index > start && (sliceOf(index) !== sliceOf(index - 1) || bytes + encodedBytes > bytesMax);
    if (isCut && !belongTogether(jobs[index - 1] as Job, jobs[index] as Job)) {
      slices.push({ start, end: index, bytes });
      start = index;
      bytes = 0;
    }
    bytes += encodedBytes + 1;
  }
  slices.push({ start, end: jobs.length, bytes });
  return slices;
}
