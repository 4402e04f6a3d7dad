import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createCertificate } from '../helpers/certificate.ts';
import { startScriptedBroker } from '../helpers/scripted-broker.ts';
import { execChild } from '../helpers/children.ts';
import { nodeArgs, programOf } from '../helpers/paths.ts';

const program = programOf('test/faktory/tls-client.ts');

async function setUp(t: TestContext) {
  const certificate = createCertificate(t);
  const broker = await startScriptedBroker({ tls: certificate });
  t.after(() => broker.close());
  const run = async (host: string, env: Record<string, string>): Promise<string> => {
    const { stdout } = await execChild(process.execPath, [...nodeArgs, program, host, String(broker.port)], {
      env: { ...process.env, ...env },
      signal: t.signal,
    });
    return stdout;
  };
  return { broker, certificate, run };
}

describe('a client over TLS', () => {
  it('enqueues at a broker whose certificate Node was told to trust, by name and by address', async (t) => {
    const { broker, certificate, run } = await setUp(t);
    const env = { NODE_EXTRA_CA_CERTS: certificate.certPath };
    const outcomes = await Promise.all([run('localhost', env), run('127.0.0.1', env)]);
    assert.deepEqual(outcomes, ['enqueued', 'enqueued']);
    assert.equal(broker.seen.size, 2);
  });

  it('says nothing to a broker whose certificate it does not trust', async (t) => {
    const { broker, run } = await setUp(t);
    assert.match(await run('localhost', { NODE_EXTRA_CA_CERTS: '' }), /self.signed certificate/);
    assert.deepEqual(
      broker.peers.flatMap(({ lines }) => lines),
      [],
    );
  });
});
