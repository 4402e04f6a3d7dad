// The HTTP side with an operator's way into a broker: the embedded one in this process, or any that speaks FWP.
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import type { Broker, BrokerOptions } from '../../src/broker/broker.ts';
import { openBroker } from './broker.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { AppOptions } from '../../src/http/app.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createEngineLink } from '../../src/roles/engine-link.ts';
import { createFaktoryLink } from '../../src/roles/faktory-link.ts';
import { build, type BuiltApp } from './app.ts';

type Ends = Pick<TestContext, 'after'>;

export interface OperatorTarget extends BuiltApp {
  /** Of the broker's FWP. */
  port: number;
}

export async function embeddedTarget(
  t: Ends,
  { broker: options = {}, ...overrides }: Partial<AppOptions> & { broker?: BrokerOptions } = {},
): Promise<OperatorTarget & { broker: Broker }> {
  const broker = await openBroker(options);
  t.after(() => broker.close());
  const { operator } = createEngineLink(broker, createMetrics('0.0.0'), () => undefined);
  return { ...build(t, { operator, ...overrides }), port: broker.port, broker };
}

export async function fwpTarget(
  t: Ends,
  port: number,
  { config: env = {}, ...overrides }: Partial<AppOptions> & { config?: Record<string, string> } = {},
): Promise<OperatorTarget> {
  const config = loadConfig({ FAKTORY_URL: `tcp://127.0.0.1:${port}`, FAKTORY_MAX_CONNECTIONS: '1', ...env });
  const address = { host: '127.0.0.1', port, tls: false, password: undefined };
  const context = { config, log: pino({ level: 'silent' }) };
  const link = createFaktoryLink(context, address, createMetrics('0.0.0'), () => undefined);
  t.after(() => link.sender.close());
  const target = { ...build(t, { operator: link.operator, ...overrides }), port };
  while ((await target.get('/queues')).statusCode !== 200) await new Promise((resolve) => setImmediate(resolve));
  return target;
}
