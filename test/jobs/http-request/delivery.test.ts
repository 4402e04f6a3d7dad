// One attempt of a delivery against receivers that answer, are slow, broken or somewhere else than they were.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createAllowList } from '../../../src/jobs/http-request/allow-list.ts';
import { createDelivery } from '../../../src/jobs/http-request/delivery.ts';
import { createCertificate } from '../../helpers/certificate.ts';
import { allow, attempt, context, ended, startReceiver, type Respond } from '../../helpers/receiver.ts';

const rejected = async (delivered: Promise<unknown>): Promise<{ name: string; message: string }> => {
  const error = await delivered.then(
    (value) => assert.fail(`delivered: ${JSON.stringify(value)}`),
    (reason: unknown) => reason as Error,
  );
  return { name: error.name, message: error.message };
};

/** A receiver at a name that an entry with scheme and port trusts; the name resolves to it, and how often is counted. */
async function setUp(t: TestContext, respond?: Respond) {
  const receiver = await startReceiver(t, respond);
  const origin = `http://hooks.example.com:${receiver.port}`;
  let resolved = 0;
  const resolve = async () => {
    resolved++;
    return [{ address: '127.0.0.1', family: 4 }];
  };
  const send = (args: object = {}, given: Partial<Parameters<typeof attempt>[1]> = {}) =>
    attempt({ url: `${origin}/a?b=c`, ...args }, { allow: origin, ...given, parts: { resolve, ...given.parts } });
  return { receiver, origin, send, resolved: () => resolved };
}

const respondWith = (status: number, headers: Record<string, string> = {}, body = 'why not'): Respond =>
  (_request, response) => void response.writeHead(status, headers).end(body); // prettier-ignore

describe('a request', () => {
  it('arrives as the job says, with its id, its attempt and the name as Host', async (t) => {
    const { receiver, origin, send } = await setUp(t);
    const headers = { 'X-Tenant': 'a', 'user-agent': 'mine' };
    const delivered = await send({ json: { n: 1, text: 'ü' }, headers }, { context: { jid: 'jid-4711', attempt: 3 } });
    assert.deepEqual(delivered, { status: 200, body: 'thank you' });
    const [got] = receiver.got;
    assert.equal(receiver.got.length, 1);
    assert.equal(`${got?.method} ${got?.path} ${got?.body}`, 'POST /a?b=c {"n":1,"text":"ü"}');
    const { host, connection, ...others } = got?.headers ?? {};
    assert.equal(`http://${host}`, origin);
    assert.equal(connection, 'close');
    assert.deepEqual(others, {
      'content-type': 'application/json',
      'content-length': '19',
      'idempotency-key': 'jid-4711',
      'user-agent': 'mine',
      'work-factory-attempt': '3',
      'x-tenant': 'a',
    });
  });

  it('has the body, the method and the type that were given, or none', async (t) => {
    const { receiver, send } = await setUp(t);
    await send({ method: 'PUT', body: 'grüße', headers: { 'Content-Type': 'text/x' } });
    await send({ body: 'a' });
    await send({ method: 'GET' });
    await send();
    const seen = receiver.got.map(({ method, body, headers }) => [
      method,
      body,
      headers['content-type'],
      headers['content-length'],
    ]);
    assert.deepEqual(seen, [
      ['PUT', 'grüße', 'text/x', '7'],
      ['POST', 'a', 'text/plain; charset=utf-8', '1'],
      ['GET', '', undefined, undefined],
      ['POST', '', undefined, '0'],
    ]);
    assert.ok(receiver.got.every(({ headers }) => headers['transfer-encoding'] === undefined));
  });

  it('is signed by each secret, over what is sent', async (t) => {
    const { receiver, origin, send } = await setUp(t);
    const secrets = ['first-secret-0001', 'second-secret-002'];
    const parts = { nowMs: () => 1_700_000_000_999 };
    await send({ url: `${origin}/ü?q=ä`, method: 'PATCH', body: 'grüße' }, { secrets, parts });
    const signature = (secret: string | undefined): string =>
      createHmac('sha256', secret as string)
        .update(`1700000000.PATCH.${origin}/%C3%BC?q=%C3%A4.grüße`)
        .digest('hex');
    const header = receiver.got[0]?.headers['work-factory-signature'];
    assert.equal(header, `t=1700000000,v1=${signature(secrets[0])},v1=${signature(secrets[1])}`);
    await send({}, { secrets: secrets.slice(1) });
    assert.match(String(receiver.got[1]?.headers['work-factory-signature']), /^t=\d+,v1=[0-9a-f]{64}$/);
    await send();
    assert.equal(receiver.got[2]?.headers['work-factory-signature'], undefined);
  });

  it('with a jid that no header can carry is never sent', async (t) => {
    const { receiver, send } = await setUp(t);
    const error = await rejected(send({}, { context: { jid: 'job\r\nHost: evil' } }));
    assert.equal(error.name, 'PermanentError');
    assert.equal(receiver.connections.length, 0);
  });
});

describe('a response', () => {
  for (const status of [200, 201, 204, 299])
    it(`${status} is a success`, async (t) => {
      const { send } = await setUp(t, respondWith(status));
      assert.deepEqual(await send(), { status, body: status === 204 ? '' : 'why not' });
    });

  for (const status of [408, 425, 429, 500, 502, 503, 599])
    it(`${status} is retried`, async (t) => {
      const { send } = await setUp(t, respondWith(status, { 'retry-after': '1' }));
      const { name, message } = await rejected(send());
      assert.equal(name, 'DeliveryError');
      assert.match(message, new RegExp(`^hooks\\.example\\.com:\\d+ answered ${status}: why not$`));
    });

  for (const status of [301, 302, 303, 307, 308])
    it(`${status} is permanent, and not followed`, async (t) => {
      const { receiver, origin, send } = await setUp(t, (_request, response) =>
        response.writeHead(status, { location: `${origin}/other` }).end(),
      );
      const { name, message } = await rejected(send());
      assert.equal(name, 'PermanentError');
      assert.match(message, /answered 30\d to http:.*\/other, which is not followed$/);
      assert.equal(receiver.got.length, 1);
    });

  for (const status of [304, 400, 401, 404, 409, 410, 422, 451])
    it(`${status} is permanent`, async (t) => {
      const { send } = await setUp(t, respondWith(status));
      assert.equal((await rejected(send())).name, 'PermanentError');
    });

  it('that switches protocols is permanent', async (t) => {
    const { send } = await setUp(t, (request) => {
      request.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
    });
    const { name, message } = await rejected(send());
    assert.equal(name, 'PermanentError');
    assert.match(message, /answered 101$/);
  });

  it('of 1 GB is read up to 16 KiB, and its connection is closed', async (t) => {
    let written = 0;
    const chunk = Buffer.alloc(65_536, 'a');
    const { receiver, send } = await setUp(t, (_request, response) => {
      response.writeHead(200, { 'content-length': 2 ** 30 });
      const write = (): void => {
        while (written < 2 ** 30 && !response.destroyed) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', write);
        }
      };
      write();
    });
    const { status, body } = await send();
    assert.equal(status, 200);
    assert.equal(body, 'a'.repeat(16_384));
    await ended(receiver.connections[0]);
    // What the kernel's buffers take.
    assert.ok(written < 2 ** 25, String(written));
  });

  it('that is never whole is a success once 16 KiB are there', async (t) => {
    const { send } = await setUp(t, (_request, response) => void response.writeHead(200).write('ü'.repeat(9000)));
    assert.equal((await send()).body, 'ü'.repeat(8192));
  });

  it('is cut where its JSON would be too long for a result', async (t) => {
    const { send } = await setUp(t, respondWith(200, {}, '\u0001'.repeat(16_384)));
    const { body } = await send({}, { resultBytesMax: 1024 });
    assert.match(body, /^\u0001{100,160}$/);
    const binary = await setUp(t, (_request, response) => response.end(Buffer.alloc(16_384, 0xff)));
    assert.match((await binary.send()).body, /^\ufffd+$/);
  });

  it('that breaks off is retried when it was a success, and means what its status says otherwise', async (t) => {
    const broken =
      (status: number): Respond =>
      (_request, response) => {
        response.writeHead(status, { 'content-length': '100' }).write('half', () => response.destroy());
      };
    const error = await rejected((await setUp(t, broken(200))).send());
    assert.equal(error.name, 'DeliveryError');
    assert.match(error.message, /answered 200, and the response broke off$/);
    assert.equal((await rejected((await setUp(t, broken(404))).send())).name, 'PermanentError');
  });
});

describe('a receiver that fails', () => {
  it('by a reset is retried', async (t) => {
    const { send } = await setUp(t, (request) => request.socket.resetAndDestroy());
    const { name, message } = await rejected(send());
    assert.equal(name, 'DeliveryError');
    assert.match(message, /^hooks\.example\.com:\d+: (read ECONNRESET|socket hang up)$/);
  });

  it('by not listening, or not being found, is retried', async () => {
    const url = 'http://hooks.example.com:9';
    const listen = { resolve: async () => [{ address: '127.0.0.1', family: 4 }] };
    const refused = await rejected(attempt({ url }, { allow: url, parts: listen }));
    assert.match(`${refused.name} ${refused.message}`, /^DeliveryError .*ECONNREFUSED/);
    const both = { resolve: async () => ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 })) };
    const several = await rejected(attempt({ url }, { allow: url, parts: both }));
    assert.equal(`${several.name} ${several.message}`, 'DeliveryError hooks.example.com:9: ECONNREFUSED');
    const find = { resolve: () => Promise.reject(new Error('getaddrinfo ENOTFOUND hooks.example.com')) };
    const unknown = await rejected(attempt({ url }, { allow: url, parts: find }));
    assert.match(`${unknown.name} ${unknown.message}`, /^DeliveryError .*ENOTFOUND/);
  });

  it('by speaking no HTTP is retried', async (t) => {
    const server = createServer(
      (socket) => void socket.on('error', () => undefined).end('220 mail.example ESMTP\r\n'),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { name, message } = await rejected(attempt({ url }, { allow: url }));
    assert.match(`${name} ${message}`, /^DeliveryError .*Parse Error/);
  });
});

describe('the time of a request', () => {
  /** Fires when the test says so. */
  const clock = () => {
    const controller = new AbortController();
    const asked: number[] = [];
    const timeout = (ms: number): AbortSignal => {
      asked.push(ms);
      return controller.signal;
    };
    return { timeout, asked, fire: () => controller.abort(new Error('time is up')) };
  };

  it('covers the resolving of the name', async () => {
    const { timeout, fire, asked } = clock();
    const url = 'http://hooks.example.com:9';
    const resolve = (): Promise<never> => {
      fire();
      return new Promise(() => undefined);
    };
    const error = await rejected(attempt({ url, timeout_seconds: 7 }, { allow: url, parts: { timeout, resolve } }));
    assert.equal(
      `${error.name} ${error.message}`,
      'DeliveryError hooks.example.com:9: stopped while resolving the name, after 7 s',
    );
    assert.deepEqual(asked, [7000]);
  });

  it('covers the TLS handshake', async (t) => {
    const { timeout, fire } = clock();
    const server = createServer((socket) => void socket.once('data', fire)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { message } = await rejected(attempt({ url }, { allow: url, parts: { timeout } }));
    assert.match(message, /stopped while connecting, after 30 s$/);
  });

  it('covers the waiting for the response', async (t) => {
    const { timeout, fire } = clock();
    const { receiver, send } = await setUp(t, fire);
    assert.match(
      (await rejected(send({}, { parts: { timeout } }))).message,
      /stopped while waiting for the response, after 30 s$/,
    );
    assert.equal(receiver.got.length, 1);
  });

  it('covers the reading of the body', async (t) => {
    const { timeout, fire } = clock();
    const { send } = await setUp(
      t,
      (_request, response) => void response.writeHead(200).write('half', () => setImmediate(fire)),
    );
    const { name, message } = await rejected(send({}, { parts: { timeout } }));
    assert.equal(name, 'DeliveryError');
    assert.match(message, /(broke off|stopped while waiting for the response), after 30 s$/);
  });

  it('is timed by default', async (t) => {
    const { send } = await setUp(t, () => undefined);
    assert.match(
      (await rejected(send({ timeout_seconds: 1 }))).message,
      /stopped while waiting for the response, after 1 s$/,
    );
  });

  it('ends with the signal of the job', async (t) => {
    const controller = new AbortController();
    const { receiver, send } = await setUp(t, () => controller.abort());
    const { name, message } = await rejected(send({}, { context: { signal: controller.signal } }));
    assert.equal(name, 'DeliveryError');
    assert.match(message, /stopped while waiting for the response$/);
    await ended(receiver.connections[0]);
  });
});

describe('the address of a receiver', () => {
  const url = 'https://hooks.example.com/';
  for (const address of [
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '169.254.169.254',
    '10.0.0.1',
    '0.0.0.0',
    '64:ff9b::7f00:1',
    '100.100.100.200',
  ])
    it(`${address} is refused for good, and nothing is connected to`, async () => {
      const resolve = async () => [{ address, family: address.includes(':') ? 6 : 4 }];
      const error = await rejected(attempt({ url }, { allow: 'hooks.example.com', parts: { resolve } }));
      assert.equal(error.name, 'PermanentError');
      assert.match(error.message, new RegExp(`^hooks\\.example\\.com is at ${address}: not globally routable`));
    });

  it('is resolved once: what the name resolves to afterwards does not matter', async (t) => {
    const receiver = await startReceiver(t);
    const other = await startReceiver(t, undefined, '127.0.0.2');
    const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.2'];
    let asked = 0;
    const resolve = async () => [{ address: addresses[asked++] as string, family: 4 }];
    const trusted = `http://hooks.example.com:${receiver.port}`;
    const delivered = await attempt({ url: trusted }, { allow: trusted, parts: { resolve } });
    assert.equal(delivered.status, 200);
    assert.equal(asked, 1);
    assert.equal(receiver.got.length, 1);
    assert.equal(other.connections.length, 0);
  });

  it('of several is one that may be connected to', async (t) => {
    const receiver = await startReceiver(t, undefined, '127.0.0.2');
    const other = await startReceiver(t);
    const { port } = receiver;
    const resolve = async () => ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    // As if the port were 443, where a range names addresses.
    const allowed = `127.0.0.2,http://hooks.example.com:${port}`;
    const entries = allow(allowed).map((entry) => ({ ...entry, trustsAddress: false }));
    const deliver = createDelivery(
      { allow: entries, allowList: createAllowList(entries), secrets: [], resultBytesMax: 65_536 },
      { resolve },
    );
    const args = { url: `http://hooks.example.com:${port}/`, method: 'POST' as const, timeout_seconds: 30 };
    assert.equal((await deliver(args, context())).status, 200);
    assert.equal(receiver.got.length, 1);
    assert.equal(other.connections.length, 0);
  });

  it('is given to TLS with the name: the certificate is checked against it', async (t) => {
    const { key, cert } = createCertificate(t);
    const names: string[] = [];
    const server = createTlsServer({
      key,
      cert,
      SNICallback(name, callback) {
        names.push(name);
        callback(null);
      },
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const origin = `https://hooks.example.com:${(server.address() as AddressInfo).port}`;
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
    t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    // Nobody has signed it.
    const { name, message } = await rejected(attempt({ url: origin }, { allow: origin, parts: { resolve } }));
    assert.match(`${name} ${message}`, /^DeliveryError .*self-signed/);
    assert.deepEqual(names, ['hooks.example.com']);
  });
});
