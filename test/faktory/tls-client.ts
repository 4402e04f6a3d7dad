// A process of its own for tls.test.ts: NODE_EXTRA_CA_CERTS is read once, as Node starts.
// Usage: tls-client.ts HOST PORT; prints the outcome of one job and, when the broker is away, why.
import { once } from 'node:events';
import { systemClock } from '../../src/domain/clock.ts';
import { createArithmeticJob } from '../helpers/jobs.ts';
import { FaktoryClient } from '../../src/faktory/client.ts';
import { createFrameSender } from '../../src/faktory/frame-sender.ts';

const [host = '', port = ''] = process.argv.slice(2);
let onDown: (reason: string) => void;
const isDown = new Promise<string>((resolve) => (onDown = resolve));
const client: FaktoryClient = new FaktoryClient({
  address: { host, port: Number(port), tls: true, password: undefined },
  size: 1,
  clock: systemClock,
  random: Math.random,
  connectTimeoutMs: 5000,
  readTimeoutMs: 5000,
  writeTimeoutMs: 5000,
  keepAliveDelayMs: 60_000,
  onChange() {
    sender.onClientChange();
    if (client.downReason) onDown(client.downReason.message);
  },
});
const sender = createFrameSender({ client, clock: systemClock, onChange: () => undefined });
const alive = setInterval(() => undefined, 1000);
const pushed = client.warm.then(
  () =>
    new Promise<string>((resolve) =>
      sender.send([createArithmeticJob('add', { a: 1, b: 2 })], ([outcome]) => resolve(outcome?.kind ?? 'nothing')),
    ),
);
process.stdout.write(await Promise.race([pushed, isDown]));
await client.close();
clearInterval(alive);
if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
