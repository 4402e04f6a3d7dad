// faktory-worker's own worker as its README shows. Usage: node documented-worker.js FAKTORY_PORT CONCURRENCY
import faktory from 'faktory-worker';

const [port, concurrency] = process.argv.slice(2).map(Number);
faktory.register('math_add', async ({ a, b }) => a + b);
await faktory.work({ host: '127.0.0.1', port, concurrency });
