// Which jobs of a batch leave together.
import type { Job } from '../domain/job.ts';

export interface Slice {
  start: number;
  /** The first index behind it. */
  end: number;
  bytes: number;
}

/** Whether what is stored with both of them is one. */
const belongTogether = ({ attachments: before }: Job, { attachments: after }: Job): boolean =>
  before?.some((one) => after?.includes(one)) ?? false;

/**
 * Cuts a batch into so many slices of equal size, and into more where one would hold too many bytes; never between jobs that
 * belong together.
 */
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
