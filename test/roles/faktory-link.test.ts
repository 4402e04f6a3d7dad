// What the metrics say of a broker that answers everything and stores nothing.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '../../src/config/load.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createFaktoryLink } from '../../src/roles/faktory-link.ts';
import { createJobs } from '../helpers/producer.ts';
import { bulk, jidsOf, refusals, startScriptedBroker } from '../helpers/scripted-broker.ts';

it('a Redis that refuses the jobs is a broker that is not up, until it stores one', async (t) => {
  let isFull = true;
  const oom = "OOM command not allowed when used memory > 'maxmemory'.";
  const broker = await startScriptedBroker({
    script: {
      reply(line) {
        if (line === 'INFO') return bulk('{}');
        return refusals(isFull ? Object.fromEntries(jidsOf(line).map((jid) => [jid, oom])) : {});
      },
    },
  });
  t.after(() => broker.close());
  const metrics = createMetrics('1');
  const config = loadConfig({ FAKTORY_URL: `tcp://127.0.0.1:${broker.port}`, FAKTORY_MAX_CONNECTIONS: '1' });
  const address = { host: '127.0.0.1', port: broker.port, tls: false, password: undefined };
  const context = { config, log: pino({ level: 'silent' }) };
  const { sender } = createFaktoryLink(context, address, metrics, () => undefined);
  t.after(() => sender.close());
  const push = async (): Promise<string[]> => {
    while (sender.slots === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => sender.send(createJobs(2), resolve));
    return [...(await metrics.render()).matchAll(/^work_factory_faktory_(?:up|command_.*_count)(.*)$/gm)].map(
      ([, rest]) => rest as string,
    );
  };
  const refusedOnce = '{command="PUSHB",outcome="refused"} 1';
  assert.deepEqual((await push()).sort(), [refusedOnce, '{role="producer"} 0'].sort());
  isFull = false;
  assert.deepEqual(
    (await push()).sort(),
    [refusedOnce, '{command="PUSHB",outcome="ok"} 1', '{role="producer"} 1'].sort(),
  );
});
