// What a store of keys is told of a request.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { enqueued, refused, unknown, type Outcome } from '../../../src/domain/producer.ts';
import { settlementOf } from '../../../src/http/once/attempt.ts';
import { claimOf } from '../../helpers/claims.ts';
import { createArithmeticJob } from '../../helpers/jobs.ts';

const jobs = [1, 2, 3].map((a) => createArithmeticJob('add', { a, b: 1 }));
const claim = { ...claimOf('k'), jids: jobs.map(({ jid }) => jid) };
/** As a batch: an unknown outcome has no response that could be kept. */
const responseOf = (outcomes: readonly Outcome[]) =>
  outcomes.some(({ kind }) => kind === 'unknown')
    ? undefined
    : { status: 206, body: outcomes.map(({ kind }) => kind).join() };

describe('the settlement of a claim', () => {
  it('of an unknown outcome has the ids in question, and the response that is right if they are stored', () => {
    const outcomes = [enqueued, unknown('no reply'), refused('broker_refused', 'no')];
    assert.deepEqual(settlementOf(claim, jobs, outcomes, responseOf), {
      claim,
      outcome: 'unknown',
      jids: [jobs[1]?.jid],
      response: { status: 206, body: 'enqueued,enqueued,refused' },
    });
  });

  it('has the response of a part that is enqueued', () => {
    const outcomes = [enqueued, enqueued, refused('broker_refused', 'no')];
    const response = { status: 206, body: 'enqueued,enqueued,refused' };
    assert.deepEqual(settlementOf(claim, jobs, outcomes, responseOf), { claim, outcome: 'done', response });
  });
});
