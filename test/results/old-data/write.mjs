// Runs inside a checkout of revision 9051b71: see make.sh.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createEmbeddedResults } from './src/results/embedded.ts';
import { createRedisResults } from './src/results/redis.ts';

const folder = process.argv[2];
const nowMs = Date.parse('2026-01-02T03:04:05.000Z');
const stamp = nowMs.toString(16).padStart(12, '0');
const jidOf = (number) => `${stamp.slice(0, 8)}-${stamp.slice(8)}-7000-8000-${String(number).padStart(12, '0')}`;

const finished_at = new Date(nowMs).toISOString();
const added = { operation: 'add', a: 1, b: 2, request_id: 'order "7"' };
const records = [
  { job_id: jidOf(1), state: 'succeeded', ...added, result: 3, attempts: 1, finished_at },
  {
    job_id: jidOf(2),
    state: 'failed',
    operation: 'divide',
    a: 1,
    b: 0,
    error: 'b must not be zero',
    attempts: 1,
    finished_at,
  },
  { job_id: jidOf(3), state: 'pending', ...added, error: 'said "state":"succeeded"', attempts: 2 },
];
const jids = [1, 2, 3, 4].map(jidOf);

const options = { dataDir: join(folder, 'embedded'), ttlSeconds: 86_400, resultsMax: 1000, now: () => nowMs };
// Opened twice, so that there are a table and a log.
const first = await createEmbeddedResults(options);
first.remember(jids);
await first.put(records.slice(0, 1));
await first.close();
const second = await createEmbeddedResults(options);
await second.put(records.slice(1));
await second.close();

const socket = join(process.cwd(), 'redis.sock');
const server = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--save', ''], { stdio: 'ignore' });
const admin = new Redis(socket);
const results = createRedisResults({ url: socket, ttlSeconds: 86_400, log: { info() {}, warn() {} } });
while (
  !(await results.put(records).then(
    () => true,
    () => false,
  ))
)
  await new Promise((done) => setTimeout(done, 50));
results.remember(jids);
while ((await admin.dbsize()) < 4) await new Promise((done) => setTimeout(done, 50));
const held = {};
for (const key of (await admin.keys('*')).sort())
  held[key] = (await admin.type(key)) === 'set' ? (await admin.smembers(key)).sort() : await admin.get(key);
writeFileSync(join(folder, 'redis.json'), `${JSON.stringify(held, undefined, 2)}\n`);
await results.close();
admin.disconnect();
server.kill();
await once(server, 'exit');
