// The ceiling of the framework: Fastify with routes that parse a body and answer it. Nothing is checked or stored.
// Usage: node bare-fastify.js PORT
import { randomUUID } from 'node:crypto';
import Fastify from 'fastify';

const app = Fastify();

app.post('/jobs/add', async ({ body }, reply) => {
  reply.code(202);
  return { job_id: randomUUID(), message: `Job enqueued to add ${body.a} + ${body.b}` };
});

app.post('/jobs/order', async (_request, reply) => {
  reply.code(202);
  return { job_id: randomUUID(), message: 'Job enqueued: order' };
});

app.post('/jobs/batch', async ({ body }, reply) => {
  reply.code(202);
  const ids = body.jobs.map(() => randomUUID());
  return { job_ids: ids, message: `Batch of ${ids.length} jobs enqueued`, count: ids.length };
});

await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });
