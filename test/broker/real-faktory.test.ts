// What real Faktory keeps when it and its Redis are killed: the reason for the classes of durability, and the proof
// that the helper which starts it does what its options say.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { connectFwp, makeJob } from './fwp-client.ts';

const skip = faktoryPath() === undefined ? 'NOT TESTED: Faktory is not here' : false;

describe('real Faktory', { skip, concurrency: true }, () => {
  for (const { appendonly, signal, kept } of [
    { appendonly: 'always', signal: 'SIGKILL', kept: 1 },
    { appendonly: 'no', signal: 'SIGKILL', kept: 0 },
    { appendonly: 'no', signal: 'SIGTERM', kept: 1 },
  ] as const) {
    it(`with appendfsync ${appendonly} keeps ${kept} of 1 jobs through ${signal}`, async (t) => {
      const faktory = await startFaktory(t, { appendonly, password: 'secret' });
      const client = await connectFwp(t, { port: faktory.port, password: 'secret' });
      assert.equal(await client.ask(`PUSH ${JSON.stringify(makeJob())}`), '+OK');
      await faktory.kill(signal);
      await client.closed;
      await faktory.restart();
      const again = await connectFwp(t, { port: faktory.port, password: 'secret' });
      const { faktory: facts } = (await again.askJson('INFO')) as { faktory: { total_enqueued: number } };
      assert.equal(facts.total_enqueued, kept);
    });
  }
});
