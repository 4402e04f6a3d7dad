// Causes are told in words of our own.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { causeOf, OwnCause } from '../../src/domain/cause.ts';

const cases: readonly [Error, string | undefined][] = [
  [
    Object.assign(new Error('connect ECONNREFUSED 10.0.0.5:7419'), { code: 'ECONNREFUSED' }),
    'the connection was refused: nothing listens there',
  ],
  [
    Object.assign(new Error('getaddrinfo ENOTFOUND broker.secret'), { code: 'ENOTFOUND' }),
    'its host name could not be resolved',
  ],
  [new Error('connect timeout'), 'the connection was not made in time'],
  [new Error('read timeout'), 'it does not answer in time'],
  [new Error('Command timed out'), 'it does not answer in time'],
  [new Error('ERR Invalid password'), 'it does not accept the password, or gives this user no right'],
  [
    new Error('WRONGPASS invalid username-password pair'),
    'it does not accept the password, or gives this user no right',
  ],
  [new Error('MISCONF Redis is configured to save RDB snapshots'), 'its Redis cannot write to its disk (MISCONF)'],
  [new Error("OOM command not allowed when used memory > 'maxmemory'."), 'its memory is full (OOM)'],
  [new OwnCause('no TCP connection within 5000 ms'), 'no TCP connection within 5000 ms'],
  [new Error('something else: password=hunter2'), undefined],
];

describe('the cause of a failure', () => {
  for (const [error, expected] of cases)
    it(`${error.message.slice(0, 40)}: ${expected ?? 'nothing is said'}`, () => {
      assert.equal(causeOf(error), expected);
    });

  it('is found below the error that was thrown, and not for ever', () => {
    const cause = new Error('read timeout');
    assert.equal(causeOf(new Error('no live connection to the broker', { cause })), 'it does not answer in time');
    const loop = new Error('a loop');
    loop.cause = loop;
    assert.equal(causeOf(loop), undefined);
    assert.equal(causeOf('text'), undefined);
  });
});
