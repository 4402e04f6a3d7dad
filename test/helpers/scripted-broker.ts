// A broker that does what a test tells it, connection by connection: the place to lie, to be silent and to hang up. Speaks
// just enough of FWP by itself that a script holds only what is special. Records every complete line that it received:
// Faktory runs complete lines only, so a job counts as seen once the LF of its command has arrived, and never before.
import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export interface Peer {
  /** Of the connection, from 0. */
  readonly index: number;
  readonly socket: Socket;
  /** Its complete lines, HELLO included, without CR LF. */
  readonly lines: string[];
  /** Bytes that arrived, those of an incomplete line included. */
  received: number;
  write(bytes: string | Buffer): void;
  /** FIN, after what was written. */
  end(): void;
  /** RST (on TLS: at once), and what was not delivered is lost. */
  reset(): void;
}

/** What one connection does; what is left out is done as Faktory does it. */
export interface Script {
  /** Said first; null says nothing, ever. */
  greeting?: string | Buffer | null;
  /** The reply to HELLO; null never answers. */
  hello?: string | null | ((peer: Peer) => void);
  /** The reply to every other line; undefined says nothing (yet). */
  reply?: (line: string, peer: Peer) => string | Buffer | undefined;
  /** True leaves what arrives in the kernel's buffers after HELLO. */
  deaf?: boolean;
}

export interface ScriptedBrokerOptions {
  script?: Script | ((connection: number) => Script);
  tls?: { key: string; cert: string };
}

export interface ScriptedBroker {
  readonly port: number;
  /** Every connection so far, closed ones too. */
  readonly peers: readonly Peer[];
  /** All complete lines but HELLO, in order of arrival. */
  readonly lines: readonly string[];
  /** Jids in complete PUSHB lines: what a broker may have stored. */
  readonly seen: ReadonlySet<string>;
  /** Connections that are open now. */
  readonly openCount: number;
  /** Resolves as soon as `holds` does; looked at again at whatever happens to the broker. */
  until(holds: () => boolean): Promise<void>;
  setScript(script: NonNullable<ScriptedBrokerOptions['script']>): void;
  /** As kill -9: every connection is reset and the port refuses. */
  kill(): Promise<void>;
  /** Listens again, on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export const ok = '+OK\r\n';
export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
/** A reply to PUSHB: message by jid of the jobs that were turned down. */
export const refusals = (messages: Readonly<Record<string, string>> = {}): string => bulk(JSON.stringify(messages));
export const jidsOf = (line: string): string[] =>
  line.startsWith('PUSHB ') ? (JSON.parse(line.slice(6)) as { jid: string }[]).map(({ jid }) => jid) : [];

function replyAsFaktory(line: string, peer: Peer): string | undefined {
  if (line === 'END') peer.end();
  if (line.startsWith('PUSHB ')) return refusals();
  if (line === 'INFO') return bulk('{"server":{"faktory_version":"1.9.4"}}');
  return line === 'END' ? undefined : ok;
}

export async function startScriptedBroker(options: ScriptedBrokerOptions = {}): Promise<ScriptedBroker> {
  let script = options.script ?? {};
  const peers: Peer[] = [];
  const lines: string[] = [];
  const seen = new Set<string>();
  const open = new Set<Socket>();
  const waiters = new Set<() => void>();
  const happened = (): void => {
    for (const waiter of waiters) waiter();
  };

  /** TLS sockets know no RST of their own. */
  const reset = (socket: Socket): void => {
    if (options.tls === undefined) socket.resetAndDestroy();
    else socket.destroy();
  };

  function accept(socket: Socket): void {
    const index = peers.length;
    const role = typeof script === 'function' ? script(index) : script;
    const peer: Peer = {
      index,
      socket,
      lines: [],
      received: 0,
      write: (bytes) => void socket.write(bytes),
      end: () => void socket.end(),
      reset: () => reset(socket),
    };
    peers.push(peer);
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      open.delete(socket);
      happened();
    });
    readLines(socket, peer, (line) => obey(role, peer, line));
    const greeting = role.greeting === undefined ? '+HI {"v":2}\r\n' : role.greeting;
    if (greeting !== null) socket.write(greeting);
    happened();
  }

  function readLines(socket: Socket, peer: Peer, onLine: (line: string) => void): void {
    let parts: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      peer.received += chunk.length;
      let rest = chunk;
      for (let end; (end = rest.indexOf(0x0a)) !== -1; rest = rest.subarray(end + 1)) {
        const line = Buffer.concat([...parts, rest.subarray(0, end)]).toString();
        parts = [];
        onLine(line.replace(/\r$/, ''));
      }
      if (rest.length > 0) parts.push(rest);
      happened();
    });
  }

  function obey(role: Script, peer: Peer, line: string): void {
    const isHello = peer.lines.length === 0;
    peer.lines.push(line);
    if (isHello) {
      if (role.deaf === true) peer.socket.pause();
      if (typeof role.hello === 'function') return role.hello(peer);
      if (role.hello !== null) peer.write(role.hello ?? ok);
      return;
    }
    lines.push(line);
    for (const jid of jidsOf(line)) seen.add(jid);
    const reply = (role.reply ?? replyAsFaktory)(line, peer);
    if (reply !== undefined) peer.write(reply);
  }

  const create = () =>
    options.tls === undefined
      ? createTcpServer({ noDelay: true }, accept)
      : createTlsServer({ ...options.tls, noDelay: true }, accept).on('tlsClientError', () => undefined);
  let server = create();
  async function listen(port: number): Promise<number> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  async function kill(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of open) reset(socket);
    await closed;
  }
  const port = await listen(0);

  return {
    port,
    peers,
    lines,
    seen,
    get openCount() {
      return open.size;
    },
    async until(holds) {
      if (holds()) return;
      await new Promise<void>((resolve) => {
        const waiter = (): void => {
          if (!holds()) return;
          waiters.delete(waiter);
          resolve();
        };
        waiters.add(waiter);
      });
    },
    setScript(next) {
      script = next;
    },
    kill,
    async restart() {
      server = create();
      await listen(port);
    },
    close: kill,
  };
}
