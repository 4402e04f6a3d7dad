// A broker whose folder is damaged does not start, and says which folder, why, and what to do.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { connectFwp, makeJob } from '../broker/fwp-client.ts';
import { brokerFolder } from '../helpers/broker.ts';
import { startService } from '../helpers/service.ts';

it('a log of zeros after a kill is no empty log', async (t) => {
  const env = { FAKTORY_BIND: '127.0.0.1:0', DATA_DIR: brokerFolder() };
  const service = startService(t, env, 'broker');
  const { broker } = await service.line(({ msg }) => msg === 'the broker listens');
  const client = await connectFwp(t, { port: Number(String(broker).split(':')[1]) });
  assert.equal(await client.ask(`PUSH ${JSON.stringify(makeJob())}`), '+OK');
  await service.end('SIGKILL');

  const file = join(env.DATA_DIR, 'broker', 'groups.0');
  writeFileSync(file, Buffer.alloc(1024));
  const again = startService(t, env, 'broker');
  assert.equal(await again.exited, 1);
  const { msg: text = '' } = await again.line(({ msg }) => msg?.includes('damaged') === true);
  assert.ok(text.includes(`${file} does not begin as a log`), text);
  assert.match(text, /restore the folder from a copy, or move it away/);
});
