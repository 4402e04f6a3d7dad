// A FrameSender in the hands of the test.
import assert from 'node:assert/strict';
import type { Job } from '../../src/domain/job.ts';
import { enqueued, type Outcome, type FrameSender } from '../../src/domain/producer.ts';

export interface FakeFrame {
  jobs: readonly Job[];
  reply: (outcomes?: readonly Outcome[]) => void;
}

export interface FakeSender extends FrameSender {
  slots: number;
  capacity: { inFlightTarget: number; lanes: number; syncsEachJob: boolean };
  downReason: Error | undefined;
  /** All so far. */
  readonly frames: FakeFrame[];
  frame(index: number): FakeFrame;
  isClosed: boolean;
  /** The callback of who sends. */
  onChange: () => void;
}

export function createFakeSender(): FakeSender {
  const frames: FakeFrame[] = [];
  let inFlight = 0;
  const sender: FakeSender = {
    slots: 10,
    capacity: { inFlightTarget: 2, lanes: 1, syncsEachJob: false },
    downReason: undefined,
    isClosed: false,
    frames,
    get inFlight() {
      return inFlight;
    },
    onChange: () => undefined,
    send(jobs, settle) {
      assert.ok(sender.slots > 0, 'a frame without a slot');
      assert.ok(jobs.length > 0, 'an empty frame');
      sender.slots--;
      inFlight++;
      frames.push({
        jobs,
        reply(outcomes = jobs.map(() => enqueued)) {
          sender.slots++;
          inFlight--;
          settle(outcomes);
          sender.onChange();
        },
      });
    },
    frame(index) {
      const frame = frames[index];
      assert.ok(frame, `no frame ${index}`);
      return frame;
    },
    ping: () => Promise.resolve(),
    close() {
      sender.isClosed = true;
      return Promise.resolve();
    },
  };
  return sender;
}
