// The way of a job from group commit down to a socket, as the API role builds it, with times that suit tests.
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import type { Job } from '../../src/domain/job.ts';
import { createChanges, type Changes } from './changes.ts';
import { createArithmeticJob } from './jobs.ts';
import { createAdmission, type Admission } from '../../src/enqueue/admission.ts';
import { createGroupCommit, type GroupCommit } from '../../src/enqueue/group-commit.ts';
import { FaktoryClient, type FaktoryClientOptions } from '../../src/faktory/client.ts';
import { createFrameSender, type FaktorySender, type FrameSenderOptions } from '../../src/faktory/frame-sender.ts';

export interface ProducerParts {
  client: FaktoryClient;
  sender: FaktorySender;
  producer: GroupCommit;
  /** Of the sender and the client. */
  changes: Changes;
}

export interface ProducerOptions extends Partial<FaktoryClientOptions> {
  acquireTimeoutMs?: number;
  frameJobsMax?: number;
  onDown?: NonNullable<FrameSenderOptions['onDown']>;
}

/** Closed, without waiting for what is in flight, when the test ends. */
export function createProducer(t: TestContext, port: number, options: ProducerOptions = {}): ProducerParts {
  const clock = options.clock ?? systemClock;
  const changes = createChanges();
  const onChange = (): void => {
    producer.onSenderChange();
    changes.fire();
  };
  const client: FaktoryClient = new FaktoryClient({
    address: { host: '127.0.0.1', port, tls: false, password: undefined },
    size: 1,
    clock,
    random: Math.random,
    connectTimeoutMs: 2000,
    readTimeoutMs: 3000,
    writeTimeoutMs: 3000,
    keepAliveDelayMs: 60_000,
    onChange: () => sender.onClientChange(),
    onRoom: onChange,
    ...options,
  });
  t.after(() => client.close());
  const sender = createFrameSender({ client, clock, onChange, ...(options.onDown && { onDown: options.onDown }) });
  const producer = createGroupCommit({
    sender,
    clock,
    admission: unlimited(),
    frameJobsMax: options.frameJobsMax ?? 100,
    frameBytesMax: 14_000,
    acquireTimeoutMs: options.acquireTimeoutMs ?? 2000,
    lingerMs: 0,
  });
  return { client, sender, producer, changes };
}

export const unlimited = (): Admission =>
  createAdmission({ pendingJobsMax: Infinity, pendingBytesMax: Infinity, waitMsMax: Infinity });

export const createJobs = (count: number): Job[] =>
  Array.from({ length: count }, (_, a) => createArithmeticJob('add', { a, b: 1 }));

/** Far enough for any test. */
export const inAMinute = (): number => systemClock.now() + 60_000;
