// Fastify with BullMQ as its guide shows: one queue, add() and addBulk(). Usage: node bullmq.js PORT REDIS_PORT
import { Queue } from 'bullmq';
import Fastify from 'fastify';

const [port, redisPort] = process.argv.slice(2).map(Number);
const queue = new Queue('jobs', { connection: { host: '127.0.0.1', port: redisPort } });
await queue.waitUntilReady();
const app = Fastify();

app.post('/jobs/add', async ({ body: { a, b } }, reply) => {
  const job = await queue.add('math_add', { a, b, request_id: null });
  reply.code(202);
  return { job_id: job.id, message: `Job enqueued to add ${a} + ${b}` };
});

app.post('/jobs/batch', async ({ body }, reply) => {
  const jobs = await queue.addBulk(
    body.jobs.map(({ operation, a, b }) => ({ name: `math_${operation}`, data: { a, b, request_id: null } })),
  );
  reply.code(202);
  return { job_ids: jobs.map(({ id }) => id), message: `Batch of ${jobs.length} jobs enqueued`, count: jobs.length };
});

await app.listen({ host: '127.0.0.1', port });
