// A bare FWP client for tests: sends lines, keeps replies in their order. It knows nothing of jobs.
import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** `+OK`, `-ERR ...`, the content of a bulk, or null for nil. */
export type FwpReply = string | null;

export interface FwpClient {
  readonly socket: Socket;
  readonly greeting: string;
  /** Sends a line; resolves with its reply, rejects when the connection ends first. */
  ask(line: string): Promise<FwpReply>;
  /** The same, the bulk parsed. */
  askJson(line: string): Promise<Record<string, unknown>>;
  /** Waits for a reply that nobody asked for. */
  next(): Promise<FwpReply>;
  closed: Promise<void>;
}

export interface FwpClientOptions {
  port: number;
  wid?: string;
  password?: string;
  /** Instead of the HELLO made from the above; empty for none. */
  hello?: string;
}

/** Takes whole replies off the front of `bytes`. */
export function takeReplies(bytes: Buffer): { replies: FwpReply[]; rest: Buffer } {
  const replies: FwpReply[] = [];
  let rest = bytes;
  for (let end = rest.indexOf('\r\n'); end !== -1; end = rest.indexOf('\r\n')) {
    const line = rest.toString('utf8', 0, end);
    const length = line.startsWith('$') ? Number(line.slice(1)) : -1;
    if (length < 0) {
      replies.push(line === '$-1' ? null : line);
      rest = rest.subarray(end + 2);
      continue;
    }
    if (rest.length < end + 2 + length + 2) break;
    replies.push(rest.toString('utf8', end + 2, end + 2 + length));
    rest = rest.subarray(end + 2 + length + 2);
  }
  return { replies, rest };
}

export function passwordHash(password: string, salt: string, iterations: number): string {
  let hash = createHash('sha256')
    .update(password + salt)
    .digest();
  for (let round = 1; round < iterations; round++) hash = createHash('sha256').update(hash).digest();
  return hash.toString('hex');
}

function helloLine(greeting: string, { wid, password, hello }: FwpClientOptions): string {
  if (hello !== undefined) return hello;
  const { i, s } = JSON.parse(greeting.slice('+HI '.length)) as { i?: number; s?: string };
  const pwdhash = password !== undefined && s !== undefined ? passwordHash(password, s, i ?? 1) : undefined;
  return `HELLO ${JSON.stringify({ v: 2, wid, pwdhash, hostname: 'test', pid: 1, labels: [] })}`;
}

/** Connects and says HELLO; the reply to it must be +OK unless `hello` is given. */
export async function connectFwp(t: Pick<TestContext, 'after'>, options: FwpClientOptions): Promise<FwpClient> {
  const socket = connect(options.port, '127.0.0.1');
  t.after(() => socket.destroy());
  const waiting: { resolve: (reply: FwpReply) => void; reject: (error: Error) => void }[] = [];
  const arrived: FwpReply[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let ended = false;
  socket.on('data', (bytes: Buffer) => {
    const taken = takeReplies(Buffer.concat([rest, bytes]));
    rest = taken.rest;
    for (const reply of taken.replies) {
      const waiter = waiting.shift();
      if (waiter) waiter.resolve(reply);
      else arrived.push(reply);
    }
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      ended = true;
      for (const { reject } of waiting.splice(0)) reject(new Error('the connection was closed'));
      resolve();
    });
  });

  const next = (): Promise<FwpReply> =>
    new Promise((resolve, reject) => {
      const reply = arrived.shift();
      if (reply !== undefined) resolve(reply);
      else if (ended) reject(new Error('the connection was closed'));
      else waiting.push({ resolve, reject });
    });

  function ask(line: string): Promise<FwpReply> {
    socket.write(`${line}\r\n`);
    return next();
  }

  const greeting = String(await next());
  const line = helloLine(greeting, options);
  if (options.hello === undefined) {
    const reply = await ask(line);
    if (reply !== '+OK') throw new Error(`HELLO was answered with ${reply}`);
  } else if (line !== '') {
    socket.write(`${line}\r\n`);
  }
  return {
    socket,
    greeting,
    ask,
    next,
    closed,
    async askJson(command) {
      const reply = await ask(command);
      if (reply === null || !reply.startsWith('{')) throw new Error(`${command} was answered with ${reply}`);
      return JSON.parse(reply) as Record<string, unknown>;
    },
  };
}

let count = 0;

/** A job with a jid of its own. */
export function makeJob(fields: Record<string, unknown> = {}): Record<string, unknown> & { jid: string } {
  return { jid: `job-${process.pid}-${String(++count).padStart(6, '0')}`, jobtype: 'test', args: [], ...fields };
}
