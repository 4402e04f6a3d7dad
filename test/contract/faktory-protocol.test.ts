// The protocol suite on every server that there is.
import { describe } from 'node:test';
import { brokerFolder, startBroker } from '../helpers/broker.ts';
import { startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { mutateSuite } from './faktory-mutate.ts';
import { faktoryProtocolSuite } from './faktory-protocol.ts';

const skip = faktoryPath() === undefined ? 'NOT TESTED: Faktory is not here' : false;

// Side by side: each waits for its own server's two seconds.
describe('servers of FWP', { concurrency: true }, () => {
  for (const suite of [faktoryProtocolSuite, mutateSuite]) {
    suite('the embedded broker in memory', (t, options) => startBroker(t, options));
    suite('the embedded broker on disk', (t, options) => startBroker(t, { ...options, dataDir: brokerFolder() }));
    suite('real Faktory', (t, options) => startFaktory(t, options), skip);
  }
});
