import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Job } from '../../src/domain/job.ts';
import { createArithmeticJob } from '../helpers/jobs.ts';
import { enqueued, refused, unknown, type Outcome } from '../../src/domain/producer.ts';
import { createAdmission, type Admission } from '../../src/enqueue/admission.ts';
import { createGroupCommit, type GroupCommitOptions } from '../../src/enqueue/group-commit.ts';
import { collectGarbage } from '../helpers/collect-garbage.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';
import { createJobs, unlimited } from '../helpers/producer.ts';
import { createFakeSender } from './fake-sender.ts';

const acquireTimeoutMs = 1000;

function setUp(overrides: Partial<GroupCommitOptions> = {}) {
  const clock = createFakeClock();
  const sender = createFakeSender();
  const admission = overrides.admission ?? unlimited();
  const producer = createGroupCommit({
    sender,
    clock,
    admission,
    frameJobsMax: 10,
    frameBytesMax: 14_000,
    acquireTimeoutMs,
    lingerMs: 0,
    ...overrides,
  });
  sender.onChange = producer.onSenderChange;
  const settled = new Map<string, Outcome>();
  /** Pushes, and keeps the outcomes by jid as they become known. */
  const push = (jobs: readonly Job[], deadlineMs = clock.now() + 5000): void => {
    for (const job of jobs) void producer.push(job, deadlineMs).then((outcome) => settled.set(job.jid, outcome));
  };
  const outcomesOf = async (jobs: readonly Job[]): Promise<(Outcome | undefined)[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    return jobs.map(({ jid }) => settled.get(jid));
  };
  return { clock, sender, producer, admission, push, outcomesOf };
}

const kindsOf = (outcomes: readonly (Outcome | undefined)[]): (string | undefined)[] =>
  outcomes.map((outcome) => outcome?.kind);
const sizes = (frames: readonly { jobs: readonly Job[] }[]): number[] => frames.map(({ jobs }) => jobs.length);

describe('group commit', () => {
  it('sends a lone job at once, in the turn that brought it', () => {
    const { clock, sender, push } = setUp();
    push(createJobs(1));
    assert.equal(sender.frames.length, 0);
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [1]);
  });

  it('sends what arrived in one turn together', async () => {
    const { clock, sender, push, outcomesOf } = setUp();
    const jobs = createJobs(5);
    push(jobs);
    clock.turn();
    assert.deepEqual(sender.frame(0).jobs, jobs);
    sender.frame(0).reply();
    assert.deepEqual(
      await outcomesOf(jobs),
      jobs.map(() => enqueued),
    );
  });

  it('lets a frame grow while there is no slot, and sends it on the next one', () => {
    const { clock, sender, push } = setUp();
    sender.slots = 1;
    push(createJobs(1));
    clock.turn();
    for (let i = 0; i < 7; i++) {
      push(createJobs(1));
      clock.turn();
    }
    assert.deepEqual(sizes(sender.frames), [1]);
    sender.frame(0).reply();
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [1, 7]);
  });

  it('keeps a partial frame back while enough frames are in flight, and sends it on the next reply', () => {
    const { clock, sender, push } = setUp();
    for (const jobs of [4, 4, 1, 1, 1]) {
      push(createJobs(jobs));
      clock.turn();
    }
    assert.deepEqual(sizes(sender.frames), [4, 4]);
    sender.frame(1).reply();
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [4, 4, 3]);
  });

  it('lets a partial frame go that holds as many jobs as are in flight', () => {
    const { clock, sender, push } = setUp();
    for (const jobs of [2, 2, 3, 1]) {
      push(createJobs(jobs));
      clock.turn();
    }
    assert.deepEqual(sizes(sender.frames), [2, 2, 4]);
  });

  it('sends a frame before the end of the turn when that many have gathered, and small ones at its end', () => {
    const { clock, sender, push } = setUp({ frameJobsMax: 100 });
    for (let i = 0; i < 15; i++) push(createJobs(1));
    assert.deepEqual(sizes(sender.frames), []);
    for (let i = 0; i < 16; i++) push(createJobs(1));
    assert.deepEqual(sizes(sender.frames), [16]);
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [16, 15]);
  });

  it('does not keep a full frame back', () => {
    const { clock, sender, push } = setUp();
    push(createJobs(1));
    clock.turn();
    push(createJobs(1));
    clock.turn();
    push(createJobs(25));
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [1, 1, 10, 10]);
  });

  it('keeps a partial frame back for 50 ms at most: the frames in flight may be on connections that hang', () => {
    const { clock, sender, push } = setUp();
    for (let i = 0; i < 3; i++) {
      push(createJobs(1));
      clock.turn();
    }
    clock.advance(49);
    assert.deepEqual(sizes(sender.frames), [1, 1]);
    clock.advance(1);
    assert.deepEqual(sizes(sender.frames), [1, 1, 1]);
  });

  it('keeps a partial frame back no longer because full ones leave meanwhile', () => {
    const { clock, sender, producer, push } = setUp();
    for (let i = 0; i < 3; i++) {
      push(createJobs(1));
      clock.turn();
    }
    clock.advance(30);
    void producer.pushBulk(createJobs(10), clock.now() + 5000);
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [1, 1, 10]);
    clock.advance(20);
    assert.deepEqual(sizes(sender.frames), [1, 1, 10, 1]);
  });

  it('lingers for a partial frame while another is in flight, not longer than it was told', () => {
    const { clock, sender, push } = setUp({ lingerMs: 5 });
    push(createJobs(1));
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [1], 'nothing lingers on an idle path');
    push(createJobs(2));
    clock.advance(4);
    push(createJobs(2));
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [1]);
    clock.advance(1);
    assert.deepEqual(sizes(sender.frames), [1, 4]);
  });

  it('lingers as told again once enough frames were answered', () => {
    const { clock, sender, push } = setUp({ lingerMs: 5 });
    push(createJobs(1));
    clock.turn();
    push(createJobs(1));
    clock.advance(5);
    push(createJobs(1));
    clock.advance(1);
    assert.deepEqual(sizes(sender.frames), [1, 1], 'held back');
    sender.frame(0).reply();
    clock.advance(3);
    assert.deepEqual(sizes(sender.frames), [1, 1]);
    clock.advance(1);
    assert.deepEqual(sizes(sender.frames), [1, 1, 1]);
  });

  it('gives each of many callers the outcome of its own job', async () => {
    const { clock, sender, push, outcomesOf } = setUp();
    const jobs = createJobs(4);
    push(jobs);
    clock.turn();
    const no = refused('broker_refused', 'jobs must have an args parameter');
    const perhaps = unknown('EOF');
    sender.frame(0).reply([enqueued, no, perhaps, enqueued]);
    assert.deepEqual(await outcomesOf(jobs), [enqueued, no, perhaps, enqueued]);
  });

  it('refuses what waited too long for a slot, and never sends it', async () => {
    const { clock, sender, push, outcomesOf } = setUp();
    sender.slots = 0;
    const jobs = createJobs(3);
    push(jobs);
    clock.advance(acquireTimeoutMs - 1);
    assert.deepEqual(kindsOf(await outcomesOf(jobs)), [undefined, undefined, undefined]);
    clock.advance(101);
    assert.deepEqual(
      (await outcomesOf(jobs)).map((outcome) => outcome?.kind === 'refused' && outcome.code),
      jobs.map(() => 'broker_unavailable'),
    );
    sender.slots = 10;
    sender.onChange();
    clock.advance(1000);
    assert.deepEqual(sender.frames, []);
  });

  it('says that the broker has not replied, when that is why there is no slot', async () => {
    const { clock, sender, push, outcomesOf } = setUp({ acquireTimeoutMs: 6000 });
    for (const [repliedMs, detail] of [
      [0, 'the broker has not replied for 6 s'],
      [5000, 'no connection to the broker had room in time'],
    ] as const) {
      sender.slots = 2;
      for (const job of createJobs(2)) {
        push([job], clock.now() + 20_000);
        clock.turn();
      }
      assert.equal(sender.inFlight, 2);
      const [job] = createJobs(1) as [Job];
      push([job], clock.now() + 20_000);
      clock.advance(repliedMs);
      // Another frame has the room of the one that has its reply.
      sender.slots = -1;
      if (repliedMs > 0) sender.frames.at(-1)?.reply();
      clock.advance(6100 - repliedMs);
      assert.deepEqual(await outcomesOf([job]), [refused('broker_unavailable', detail)]);
      sender.slots = 10;
      sender.frames.slice(-2, repliedMs > 0 ? -1 : undefined).forEach((frame) => frame.reply());
    }
  });

  it('refuses a job whose deadline comes while it waits', async () => {
    const { clock, sender, push, outcomesOf } = setUp();
    sender.slots = 0;
    const jobs = createJobs(1);
    push(jobs, clock.now() + 300);
    clock.advance(400);
    assert.deepEqual(kindsOf(await outcomesOf(jobs)), ['refused']);
  });

  it('answers unknown at the deadline of a job that was sent, and leaves the frame alone', async () => {
    const { clock, sender, push, outcomesOf } = setUp();
    const [early, late] = [createJobs(1), createJobs(1)];
    push(early, clock.now() + 300);
    push(late, clock.now() + 3000);
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [2]);
    clock.advance(299);
    assert.deepEqual(kindsOf(await outcomesOf(early)), [undefined]);
    clock.advance(101);
    assert.deepEqual(kindsOf(await outcomesOf([...early, ...late])), ['unknown', undefined]);
    sender.frame(0).reply();
    assert.deepEqual(kindsOf(await outcomesOf([...early, ...late])), ['unknown', 'enqueued'], 'a outcome is told once');
  });

  it('answers within 100 ms of the deadline, whatever else is going on', async () => {
    const { clock, sender, push, outcomesOf } = setUp();
    const jobs = createJobs(40);
    for (const [index, job] of jobs.entries()) {
      push([job], clock.now() + 500);
      if (index % 3 === 0) sender.frames.at(-1)?.reply();
      clock.advance(7);
    }
    clock.advance(600);
    const outcomes = await outcomesOf(jobs);
    assert.ok(outcomes.every((outcome) => outcome !== undefined));
  });

  it('refuses at once while the broker is away', async () => {
    const { clock, sender, producer, push, outcomesOf } = setUp();
    sender.downReason = new Error('connect ECONNREFUSED');
    const jobs = createJobs(1);
    push(jobs);
    assert.deepEqual(await outcomesOf(jobs), [
      refused('broker_unavailable', 'the broker is away: connect ECONNREFUSED'),
    ]);
    assert.deepEqual(kindsOf(await producer.pushBulk(createJobs(30), clock.now() + 5000)), Array(30).fill('refused'));
    assert.equal(clock.pendingTimers, 0, 'nothing is kept of it');
  });

  it('refuses all that waits as soon as the broker goes away, and nothing that was sent', async () => {
    const { clock, sender, push, outcomesOf } = setUp();
    sender.slots = 1;
    const [sent, waiting] = [createJobs(1), createJobs(25)];
    push(sent);
    clock.turn();
    push(waiting);
    sender.downReason = new Error('lost');
    sender.onChange();
    assert.deepEqual(kindsOf(await outcomesOf([...sent, ...waiting])), [
      undefined,
      ...Array<string>(25).fill('refused'),
    ]);
  });

  it('tells of each frame as it is written', () => {
    const written: number[] = [];
    const { clock, push } = setUp({ onWrite: (jobs) => written.push(jobs.length) });
    push(createJobs(12));
    assert.deepEqual(written, []);
    clock.turn();
    assert.deepEqual(written, [10, 2]);
  });

  it('knows how much waits', () => {
    const { clock, sender, producer, push } = setUp();
    const jobs = createJobs(3);
    sender.slots = 0;
    push(jobs);
    const bytes = jobs.reduce((sum, { encodedBytes }) => sum + encodedBytes, 0);
    assert.deepEqual({ jobs: producer.waiting.jobs, bytes: producer.waiting.bytes }, { jobs: 3, bytes });
    sender.slots = 1;
    clock.turn();
    assert.deepEqual({ jobs: producer.waiting.jobs, bytes: producer.waiting.bytes }, { jobs: 0, bytes: 0 });
  });

  it('keeps nothing of a settled job while an older one still has no reply', async () => {
    const { clock, sender, producer } = setUp();
    void producer.push(createArithmeticJob('add', { a: 1, b: 1 }), clock.now() + 60_000);
    clock.turn();
    const pushed: WeakRef<Job>[] = [];
    for (let i = 0; i < 100; i++) {
      let job: Job | undefined = createArithmeticJob('add', { a: i, b: 1 });
      pushed.push(new WeakRef(job));
      void producer.push(job, clock.now() + 60_000);
      job = undefined;
      clock.turn();
      sender.frames.pop()?.reply();
      clock.advance(10);
    }
    sender.frames.length = 0;
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    const kept = pushed.filter((ref) => ref.deref() !== undefined).length;
    assert.ok(kept <= 2, `${kept} of 100 settled jobs are still held`);
  });
});

describe('a batch in group commit', () => {
  it('goes out in frames of at most so many jobs, and its outcomes come back in input order', async () => {
    const { clock, sender, producer } = setUp();
    const jobs = createJobs(35);
    const outcomes = producer.pushBulk(jobs, clock.now() + 5000);
    clock.turn();
    assert.deepEqual(sizes(sender.frames).sort(), [8, 9, 9, 9]);
    const no = refused('broker_refused', 'x');
    const marked = new Set([9, 19, 29, 34].map((index) => jobs[index]));
    // Replies in another order than the frames.
    for (const index of [2, 0, 3, 1]) {
      const { jobs: own, reply } = sender.frame(index);
      reply(own.map((job) => (marked.has(job) ? no : enqueued)));
    }
    assert.deepEqual(
      await outcomes,
      jobs.map((_, index) => ([9, 19, 29, 34].includes(index) ? no : enqueued)),
    );
  });

  it('is spread over the lanes of the broker, by what else is under way', async () => {
    const { clock, sender, producer } = setUp({ frameJobsMax: 100 });
    sender.capacity.lanes = 10;
    sender.slots = 100;
    const push = (count: number): number[] => {
      const before = sender.frames.length;
      void producer.pushBulk(createJobs(count), clock.now() + 5000);
      clock.turn();
      return sizes(sender.frames.slice(before));
    };
    assert.deepEqual(push(100), Array(10).fill(10), 'alone');
    assert.deepEqual(push(100), [20, 20, 20, 20, 20], 'beside as many others');
    assert.deepEqual(push(402), Array(6).fill(67), 'beside 200 others');
    assert.deepEqual(push(100), [100], 'no more than two shares');
    assert.deepEqual(push(1000), Array(10).fill(100), 'never more than a frame holds');
    for (const { reply } of [...sender.frames]) reply();
    assert.deepEqual(push(19), [19], 'no frame of fewer than 10');
  });

  it('leaves small pushes to share frames, which only a broker that syncs for each job wants smaller', async () => {
    for (const [syncsEachJob, expected] of [
      [false, [100]],
      [true, Array<number>(9).fill(11)],
    ] as const) {
      const { clock, sender, push } = setUp({ frameJobsMax: 100 });
      Object.assign(sender.capacity, { lanes: 10, syncsEachJob });
      sender.slots = 1;
      push(createJobs(1));
      clock.turn();
      push(createJobs(100));
      sender.slots = 10;
      clock.turn();
      assert.deepEqual(sizes(sender.frames.slice(1)), expected);
    }
  });

  it('stays together for a broker that stores everything together', async () => {
    const { clock, sender, producer } = setUp({ frameJobsMax: 100 });
    for (const count of [100, 60]) void producer.pushBulk(createJobs(count), clock.now() + 5000);
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [100, 60]);
  });

  it('goes out in frames of at most so many bytes', () => {
    const jobs = createJobs(20);
    const [{ encodedBytes }] = jobs as [Job];
    const { clock, sender, producer } = setUp({ frameJobsMax: 100, frameBytesMax: 4 * (encodedBytes + 3) });
    void producer.pushBulk(jobs, clock.now() + 5000);
    clock.turn();
    assert.deepEqual(sizes(sender.frames), [4, 4, 4, 4, 4]);
    assert.deepEqual(
      sender.frames.flatMap((frame) => frame.jobs),
      jobs,
    );
  });

  it('of no jobs has no outcomes', async () => {
    const { clock, producer } = setUp();
    assert.deepEqual(await producer.pushBulk([], clock.now()), []);
  });

  it('keeps its outcomes when a reply comes after the deadline', async () => {
    const { clock, sender, producer } = setUp();
    const pushed = producer.pushBulk(createJobs(10), clock.now() + 500);
    clock.advance(600);
    const outcomes = await pushed;
    sender.frame(0).reply();
    assert.deepEqual(kindsOf(outcomes), Array(10).fill('unknown'));
  });

  it('has an outcome for every job when only some frames were answered by the deadline', async () => {
    const { clock, sender, producer } = setUp();
    sender.slots = 2;
    const outcomes = producer.pushBulk(createJobs(30), clock.now() + 2000);
    clock.turn();
    sender.frame(0).reply();
    sender.slots = 0;
    clock.advance(2100);
    assert.deepEqual(kindsOf(await outcomes), [
      ...Array<string>(10).fill('enqueued'),
      ...Array<string>(10).fill('unknown'),
      ...Array<string>(10).fill('refused'),
    ]);
  });
});

describe('closing group commit', () => {
  it('answers what was pushed before, refuses what comes after, and then closes the sender', async () => {
    const { clock, sender, producer, push, outcomesOf } = setUp();
    sender.slots = 1;
    const [sent, waiting, late] = [createJobs(1), createJobs(2), createJobs(1)];
    push(sent);
    clock.turn();
    push(waiting);
    const closed = producer.close();
    push(late);
    assert.deepEqual(await outcomesOf(late), [refused('shutting_down', 'the service is shutting down')]);
    assert.equal(sender.isClosed, false);
    sender.frame(0).reply();
    clock.turn();
    sender.frame(1).reply();
    await closed;
    assert.deepEqual(kindsOf(await outcomesOf([...sent, ...waiting])), ['enqueued', 'enqueued', 'enqueued']);
    assert.equal(sender.isClosed, true);
    assert.equal(clock.pendingTimers, 0);
  });

  it('waits no longer than the deadlines of what is in flight', async () => {
    const { clock, sender, producer, push, outcomesOf } = setUp();
    const jobs = createJobs(2);
    push(jobs, clock.now() + 700);
    clock.turn();
    const closed = producer.close();
    clock.advance(800);
    await closed;
    assert.deepEqual(kindsOf(await outcomesOf(jobs)), ['unknown', 'unknown']);
    assert.equal(sender.isClosed, true);
  });

  it('may be asked twice', async () => {
    const { clock, sender, producer, push } = setUp();
    push(createJobs(1));
    clock.turn();
    const closed = [producer.close(), producer.close()];
    sender.frame(0).reply();
    await Promise.all(closed);
  });
});

describe('admission before group commit', () => {
  const limits = { pendingJobsMax: 10, pendingBytesMax: Infinity, waitMsMax: Infinity };
  const tooMuch = refused('overloaded', 'too much work is waiting for the broker');

  it('refuses at once what exceeds the limit, a batch as a whole, and sends nothing of it', async () => {
    const { clock, sender, producer, admission, push } = setUp({ admission: createAdmission(limits) });
    push(createJobs(4));
    assert.deepEqual(await producer.pushBulk(createJobs(7), Infinity), Array(7).fill(tooMuch));
    void producer.pushBulk(createJobs(6), Infinity);
    assert.deepEqual(await producer.push((createJobs(1) as [Job])[0], Infinity), tooMuch);
    clock.turn();
    assert.equal(
      sizes(sender.frames).reduce((sum, jobs) => sum + jobs),
      10,
    );
    assert.equal(admission.pendingJobs, 10);
  });

  it('has room again when the outcomes of all jobs of a push are known', async () => {
    const { clock, sender, producer, admission, push } = setUp({ admission: createAdmission(limits), frameJobsMax: 4 });
    const batch = producer.pushBulk(createJobs(8), Infinity);
    push(createJobs(2));
    clock.turn();
    sender.frame(0).reply();
    assert.equal(admission.pendingJobs, 8, 'half of the batch is on its way');
    for (const frame of sender.frames.slice(1)) frame.reply();
    await batch;
    assert.deepEqual([admission.pendingJobs, admission.pendingBytes], [0, 0]);
  });

  it('has room again when a deadline has come, whatever the broker replies later', () => {
    const { clock, sender, admission, push } = setUp({ admission: createAdmission(limits) });
    push(createJobs(3));
    clock.turn();
    clock.advance(5100);
    assert.equal(admission.pendingJobs, 0);
    sender.frame(0).reply();
    assert.equal(admission.pendingJobs, 0);
  });

  it('takes no room for what is refused for another reason', async () => {
    const { sender, producer, admission } = setUp();
    sender.downReason = new Error('away');
    await producer.pushBulk(createJobs(3), Infinity);
    assert.equal(admission.pendingJobs, 0);
  });
});

/** `waitMsOf` asks for the wait that admission is told of a push of so many jobs, and pushes nothing. */
function setUpAsked(options: Partial<GroupCommitOptions> = {}) {
  let isAsking = false;
  let askedMs = NaN;
  const admission: Admission = {
    ...unlimited(),
    refuses(_jobs, _bytes, waitMs) {
      askedMs = waitMs;
      return isAsking;
    },
  };
  const parts = setUp({ ...options, admission });
  const waitMsOf = (jobs: number): number => {
    isAsking = true;
    void parts.producer.pushBulk(createJobs(jobs), Infinity);
    isAsking = false;
    return askedMs;
  };
  return { ...parts, waitMsOf };
}

describe('the expected wait', () => {
  it('is what waits before a pending of that size, at the rate of the replies of a busy broker', () => {
    const { clock, sender, producer, waitMsOf } = setUpAsked({ acquireTimeoutMs: 5000 });
    void producer.pushBulk(createJobs(300), Infinity);
    clock.turn();
    assert.equal(producer.waiting.jobs, 200);
    assert.equal(waitMsOf(100), 0, 'not known yet');
    for (let frame = 0; frame < 5; frame++) {
      clock.advance(100);
      sender.frame(frame).reply();
      clock.turn();
    }
    const isNear = (actual: number, expected: number): boolean => Math.abs(actual - expected) < 1;
    assert.ok(isNear(waitMsOf(100), 1500));
    assert.ok(isNear(waitMsOf(1), 100));
  });

  it('is known while slots are left, once many full frames are in flight', () => {
    const { clock, sender, producer, waitMsOf } = setUpAsked();
    sender.slots = 100;
    void producer.pushBulk(createJobs(100), Infinity);
    clock.turn();
    assert.equal(producer.waiting.jobs, 0);
    for (let frame = 0; frame < 2; frame++) {
      clock.advance(100);
      sender.frame(frame).reply();
    }
    sender.slots = 0;
    void producer.pushBulk(createJobs(40), Infinity);
    assert.ok(Math.abs(waitMsOf(100) - 400) < 1);
  });
});

describe('any traffic through group commit', () => {
  it('gives every job exactly one outcome, and sends each at most once', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('push' as const), count: fc.integer({ min: 1, max: 30 }), bulk: fc.boolean() }),
      fc.record({ kind: fc.constant('reply' as const), index: fc.nat(10) }),
      fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 400 }) }),
      fc.record({ kind: fc.constant('down' as const), isDown: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { clock, sender, producer, admission } = setUp();
        sender.slots = 3;
        const all: Job[] = [];
        const outcomes = new Map<string, Outcome>();
        const tell = (job: Job, outcome: Outcome): void => {
          assert.ok(!outcomes.has(job.jid));
          outcomes.set(job.jid, outcome);
        };
        const open: { jobs: readonly Job[]; reply: () => void }[] = [];
        let seen = 0;
        for (const action of steps) {
          if (action.kind === 'push') {
            const jobs = createJobs(action.count);
            all.push(...jobs);
            const deadlineMs = clock.now() + 1500;
            if (action.bulk) {
              void producer
                .pushBulk(jobs, deadlineMs)
                .then((own) => own.forEach((outcome, i) => tell(jobs[i] as Job, outcome)));
            } else for (const job of jobs) void producer.push(job, deadlineMs).then((outcome) => tell(job, outcome));
          } else if (action.kind === 'reply') open.splice(action.index % (open.length + 1), 1)[0]?.reply();
          else if (action.kind === 'down') {
            sender.downReason = action.isDown ? new Error('away') : undefined;
            sender.onChange();
          }
          clock.advance(action.kind === 'advance' ? action.ms : 0);
          for (; seen < sender.frames.length; seen++) open.push(sender.frame(seen));
        }
        clock.advance(2000);
        await new Promise((resolve) => setImmediate(resolve));
        const sent = sender.frames.flatMap(({ jobs }) => jobs.map(({ jid }) => jid));
        assert.equal(new Set(sent).size, sent.length, 'a job was sent twice');
        assert.deepEqual([...outcomes.keys()].sort(), all.map(({ jid }) => jid).sort());
        const isSent = new Set(sent);
        for (const [jid, outcome] of outcomes) assert.equal(outcome.kind === 'refused', !isSent.has(jid), outcome.kind);
        assert.deepEqual([producer.waiting.jobs, producer.waiting.bytes], [0, 0]);
        assert.deepEqual([admission.pendingJobs, admission.pendingBytes], [0, 0]);
      }),
      { numRuns: 150 },
    );
  });
});
