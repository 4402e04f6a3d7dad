// The benchmark script against a stub: what it posts, what it prints, and that a bad response is a bad exit.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { spawnChild } from './helpers/children.ts';
import { pathOf } from './helpers/paths.ts';

const script = pathOf('bench/benchmark.sh');

interface Post {
  path: string;
  authorization: string | undefined;
  body: { jobs?: unknown[]; a?: unknown; b?: unknown };
  connection: number;
}

async function stubService(t: TestContext, status: (post: Post) => number) {
  const posts: Post[] = [];
  const connections: IncomingMessage['socket'][] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      if (!connections.includes(request.socket)) connections.push(request.socket);
      const post: Post = {
        path: `${request.method} ${request.url}`,
        authorization: request.headers.authorization,
        body: JSON.parse(body) as Post['body'],
        connection: connections.indexOf(request.socket),
      };
      posts.push(post);
      response.writeHead(status(post), { 'content-type': 'application/json' }).end('{}');
    });
  });
  t.after(() => server.close().closeAllConnections());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { posts, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function runScript(args: string[], env: Record<string, string> = {}) {
  const { API_KEY: _, ...inherited } = process.env;
  const child = spawnChild('bash', [script, ...args], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { output, errors, code };
}

test('the script posts 100 single jobs, one batch of 100 and 1,000 jobs in batches, and prints a line for each', async (t) => {
  const { posts, url } = await stubService(t, () => 202);
  const { output, errors, code } = await runScript([`${url}/`]);
  assert.equal(errors, '');
  assert.equal(code, 0);
  const singles = posts.filter((post) => post.path === 'POST /jobs/add');
  const batches = posts.filter((post) => post.path === 'POST /jobs/batch');
  assert.equal(singles.length, 100);
  assert.deepEqual(singles[7]?.body, { a: 7, b: 1 });
  assert.deepEqual(
    batches.map((post) => post.body.jobs?.length),
    Array.from({ length: 11 }, () => 100),
  );
  assert.deepEqual(batches[0]?.body.jobs?.[99], { operation: 'add', a: 99, b: 1 });
  assert.match(output, /^single posts +100 +100 +\d+\.\d +\d+$/m);
  assert.match(output, /^one batch +100 +1 +\d+\.\d +\d+$/m);
  assert.match(output, /^batches of 100 +1000 +10 +\d+\.\d +\d+$/m);
  assert.match(output, /^one batch of 100 is \d+\.\d times as fast as 100 single posts$/m);
});

test('the single posts share one connection, so that connecting is not what is measured', async (t) => {
  const { posts, url } = await stubService(t, () => 202);
  await runScript([url]);
  assert.equal(new Set(posts.slice(0, 100).map((post) => post.connection)).size, 1);
});

test('an API key of the environment goes with every post', async (t) => {
  const { posts, url } = await stubService(t, () => 202);
  await runScript([url], { API_KEY: 'a-key-for-the-benchmark' });
  assert.equal(posts.length, 111);
  assert.ok(posts.every((post) => post.authorization === 'Bearer a-key-for-the-benchmark'));
});

for (const status of [206, 401, 503]) {
  test(`a response ${status} among good ones ends the script with an error that names it`, async (t) => {
    let count = 0;
    const { posts, url } = await stubService(t, () => (++count === 50 ? status : 202));
    const { errors, code } = await runScript([url]);
    assert.equal(code, 1);
    assert.match(errors, new RegExp(`single posts: answered ${status}`));
    assert.ok(posts.length <= 100, `${posts.length} posts`);
  });
}

test('a bad response to the last batch is not missed', async (t) => {
  let count = 0;
  const { url } = await stubService(t, () => (++count === 111 ? 504 : 202));
  const { errors, code } = await runScript([url]);
  assert.equal(code, 1);
  assert.match(errors, /batches of 100: answered 504/);
});

test('a service that is not there ends the script at once', async () => {
  const { errors, code } = await runScript(['http://127.0.0.1:1']);
  assert.equal(code, 1);
  assert.match(errors, /single posts: no response from http:\/\/127\.0\.0\.1:1/);
});
