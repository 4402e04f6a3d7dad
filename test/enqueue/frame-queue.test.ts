import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Job } from '../../src/domain/job.ts';
import { createFrameQueue, type PendingPush } from '../../src/enqueue/frame-queue.ts';
import { createJobs } from '../helpers/producer.ts';

const frameJobsMax = 10;
const limits = {
  frameJobsMax: () => frameJobsMax,
  frameBytesMax: 5000,
  isLarge: (jobs: number) => jobs * 2 > frameJobsMax,
};

const parcelOf = (count: number, bytes?: number, pushedMs = 0): PendingPush => {
  const jobs = createJobs(count);
  const sum = jobs.reduce((total: number, job: Job) => total + job.encodedBytes, 0);
  return { jobs, bytes: bytes ?? sum, pushedMs, deadlineMs: Infinity, settle: () => undefined };
};

const jobsOf = (pushes: readonly PendingPush[]): number => pushes.reduce((sum, { jobs }) => sum + jobs.length, 0);

describe('the frame queue', () => {
  it('packs small pushes into one frame, in order', () => {
    const queue = createFrameQueue(limits);
    const pushes = [1, 2, 3, 4].map((count) => parcelOf(count));
    for (const pending of pushes) queue.push(pending);
    assert.deepEqual(queue.takeFrame(), pushes);
    assert.ok(queue.isEmpty);
  });

  it('never packs more than a frame holds, in jobs and in bytes', () => {
    const queue = createFrameQueue(limits);
    for (let i = 0; i < 25; i++) queue.push(parcelOf(1));
    assert.deepEqual([queue.takeFrame(), queue.takeFrame(), queue.takeFrame()].map(jobsOf), [10, 10, 5]);
    for (let i = 0; i < 4; i++) queue.push(parcelOf(1, 2000));
    assert.deepEqual([queue.takeFrame(), queue.takeFrame()].map(jobsOf), [2, 2]);
  });

  it('gives a large pending a frame of its own', () => {
    const queue = createFrameQueue(limits);
    queue.push(parcelOf(6));
    queue.push(parcelOf(6));
    assert.deepEqual([queue.takeFrame(), queue.takeFrame()].map(jobsOf), [6, 6]);
  });

  it('lets single jobs and batches take turns: a flood of batches does not starve the singles', () => {
    const queue = createFrameQueue(limits);
    for (let i = 0; i < 1000; i++) queue.push(parcelOf(8));
    queue.push(parcelOf(1));
    queue.push(parcelOf(1));
    const frames = [queue.takeFrame(), queue.takeFrame()];
    assert.deepEqual(frames.map(jobsOf), [2, 8]);
    for (let i = 0; i < 200; i++) queue.push(parcelOf(1));
    const next = Array.from({ length: 20 }, () => jobsOf(queue.takeFrame()));
    assert.deepEqual(next, Array(10).fill([10, 8]).flat());
  });

  it('knows how many leave before one that comes now: its own kind, and as many of the other in turn', () => {
    const queue = createFrameQueue(limits);
    assert.deepEqual([queue.jobsBefore(1), queue.jobsBefore(100)], [0, 0]);
    for (let i = 0; i < 100; i++) queue.push(parcelOf(8));
    assert.deepEqual([queue.jobsBefore(1), queue.jobsBefore(100)], [10, 800]);
    for (let i = 0; i < 30; i++) queue.push(parcelOf(1));
    assert.deepEqual([queue.jobsBefore(1), queue.jobsBefore(100)], [70, 830]);
  });

  it('knows when waiting could not make the next frame larger', () => {
    const queue = createFrameQueue(limits);
    for (let i = 0; i < 9; i++) queue.push(parcelOf(1));
    assert.ok(!queue.hasFullFrame);
    queue.push(parcelOf(1));
    assert.ok(queue.hasFullFrame);
    queue.takeFrame();
    queue.push(parcelOf(6));
    assert.ok(queue.hasFullFrame);
    queue.takeFrame();
    queue.push(parcelOf(1, 2500));
    queue.push(parcelOf(1, 2500));
    assert.ok(queue.hasFullFrame);
  });

  it('gives out the oldest of both kinds for as long as they match', () => {
    const queue = createFrameQueue(limits);
    for (const pushedMs of [1, 2, 3]) {
      queue.push(parcelOf(1, undefined, pushedMs));
      queue.push(parcelOf(8, undefined, pushedMs));
    }
    assert.equal(jobsOf(queue.takeWhile(({ pushedMs }) => pushedMs <= 2)), 18);
    assert.equal(queue.jobs, 9);
    assert.equal(jobsOf([...queue.takeFrame(), ...queue.takeFrame()]), 9);
    assert.deepEqual([queue.jobs, queue.bytes, queue.isEmpty], [0, 0, true]);
  });

  it('counts right, and loses and repeats nothing, in any order of calls', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('push'), count: fc.integer({ min: 1, max: 10 }) }),
      fc.record({ kind: fc.constantFrom('take', 'late'), count: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = createFrameQueue(limits);
        const inside = new Set<PendingPush>();
        for (const [index, { kind, count }] of steps.entries()) {
          if (kind === 'push') {
            const pending = parcelOf(count, undefined, index);
            inside.add(pending);
            queue.push(pending);
          } else {
            const isFrame = kind === 'take' && !queue.isEmpty;
            const taken = isFrame ? queue.takeFrame() : queue.takeWhile(({ pushedMs }) => pushedMs < index - count);
            if (isFrame) assert.ok(taken.length > 0 && jobsOf(taken) <= frameJobsMax);
            for (const pending of taken) assert.ok(inside.delete(pending));
          }
          assert.equal(queue.jobs, jobsOf([...inside]));
          assert.equal(
            queue.bytes,
            [...inside].reduce((sum, { bytes }) => sum + bytes, 0),
          );
          assert.equal(queue.isEmpty, inside.size === 0);
        }
      }),
      { numRuns: 200 },
    );
  });
});
