// A producer that waits for room. When too much work waits, a single job or a batch is refused at once (admission.ts); a stream
// stops reading instead. Only that refusal is tried again, because then certainly nothing was sent. When the broker is away, the
// lines are refused at once.
import type { Clock } from '../../domain/clock.ts';
import type { Outcome, JobProducer } from '../../domain/producer.ts';

const pauseMs = 100;
/** The share of the time to the deadline in which admission is tried. The push needs the rest. */
const patienceShare = 0.5;

const isOverloaded = (outcome: Outcome | undefined): boolean =>
  outcome?.kind === 'refused' && outcome.code === 'overloaded';

export interface PatientProducerOptions {
  next: JobProducer;
  clock: Clock;
  /** Fires when the stream is over. Then the wait ends. */
  draining: AbortSignal;
}

export function createPatientProducer({ next, clock, draining }: PatientProducerOptions): JobProducer {
  const pause = (): Promise<void> => new Promise((resolve) => void clock.after(pauseMs, resolve));

  async function untilAdmitted(push: () => Promise<Outcome[]>, deadlineMs: number): Promise<Outcome[]> {
    const nowMs = clock.now();
    const patientUntilMs = nowMs + (deadlineMs - nowMs) * patienceShare;
    for (;;) {
      const outcomes = await push();
      // Jobs that were pushed together are admitted or refused together.
      const isFinal = !isOverloaded(outcomes[0]) || draining.aborted || clock.now() + pauseMs > patientUntilMs;
      if (isFinal) return outcomes;
      await pause();
    }
  }

  return {
    push: async (job, deadlineMs) =>
      (await untilAdmitted(async () => [await next.push(job, deadlineMs)], deadlineMs))[0] as Outcome,
    pushBulk: (jobs, deadlineMs) => untilAdmitted(() => next.pushBulk(jobs, deadlineMs), deadlineMs),
    ping: () => next.ping(),
    close: () => next.close(),
  };
}
