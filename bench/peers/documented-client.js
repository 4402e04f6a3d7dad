// Fastify with faktory-worker used as its README shows: one client for the process, job(...).push() and pushBulk().
// Usage: node documented-client.js PORT FAKTORY_PORT CONNECTIONS
import faktory from 'faktory-worker';
import Fastify from 'fastify';

const [port, faktoryPort, poolSize] = process.argv.slice(2).map(Number);
const client = await faktory.connect({ host: '127.0.0.1', port: faktoryPort, poolSize });
const app = Fastify();

app.post('/jobs/add', async ({ body: { a, b } }, reply) => {
  const jid = await client.job('math_add', { a, b, request_id: null }).push();
  reply.code(202);
  return { job_id: jid, message: `Job enqueued to add ${a} + ${b}` };
});

app.post('/jobs/batch', async ({ body }, reply) => {
  const jobs = body.jobs.map(({ operation, a, b }) => client.job(`math_${operation}`, { a, b, request_id: null }));
  const rejected = await client.pushBulk(jobs);
  if (Object.keys(rejected).length > 0) throw new Error('some jobs were rejected');
  reply.code(202);
  return { job_ids: jobs.map(({ jid }) => jid), message: `Batch of ${jobs.length} jobs enqueued`, count: jobs.length };
});

await app.listen({ host: '127.0.0.1', port });
