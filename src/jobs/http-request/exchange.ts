// One HTTP request to addresses that were checked, and the beginning of the response. Each request has a connection of its own: a
// pool could reuse a connection to an address of another check. It uses no proxy of the environment and follows no redirects.
import type { LookupAddress } from 'node:dns';
import { request as requestHttp, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import type { LookupFunction, TcpNetConnectOpts } from 'node:net';
import { hostOf } from './allow-list.ts';

export interface ExchangeOptions {
  method: string;
  url: URL;
  headers: OutgoingHttpHeaders;
  body: Buffer | undefined;
  /** The addresses to connect to, in this order, until a connection opens. */
  addresses: readonly LookupAddress[];
  /** Ends the exchange at any stage. */
  signal: AbortSignal;
}

export interface Received {
  status: number;
  location: string | undefined;
  /** The first bytes of the body, at most `bodyBytesMax`. */
  body: Buffer;
  /** The connection broke before the end of the body, or before `bodyBytesMax` bytes of it. */
  isBroken: boolean;
}

const bodyBytesMax = 16_384;
/** Node's default of 250 ms would give up on a receiver on another continent whose name has several addresses. */
const attemptTimeoutMs = 2000;

/** Rejects without a response: with the network's error or, when `signal` has fired, with an error that names the stage. */
export function exchange({ method, url, headers, body, addresses, signal }: ExchangeOptions): Promise<Received> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    let stage = 'connecting';
    const options: RequestOptions & Pick<TcpNetConnectOpts, 'autoSelectFamilyAttemptTimeout'> = {
      method,
      hostname: hostOf(url),
      port: url.port,
      path: url.pathname + url.search,
      headers,
      agent: false,
      lookup: lookupOf(addresses),
      autoSelectFamilyAttemptTimeout: attemptTimeoutMs,
      // Set here, because NODE_TLS_REJECT_UNAUTHORIZED would turn the check off for the whole process.
      rejectUnauthorized: true,
      signal,
    };
    const outgoing = request(options);
    outgoing.on('socket', (socket) =>
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => (stage = 'waiting for the response')),
    );
    outgoing.on('response', (response) => {
      stage = 'reading the response';
      readBody(outgoing, response, resolve);
    });
    // Without a listener an upgrade would be an error of the connection.
    outgoing.on('upgrade', (response, socket) => {
      finish(outgoing, response, [], false, resolve);
      socket.destroy();
    });
    outgoing.on('error', (error) => reject(signal.aborted ? new Error(`stopped while ${stage}`) : error));
    outgoing.end(body);
  });
}

/** Returns the addresses that were checked, even when the name resolves to others now. */
function lookupOf(addresses: readonly LookupAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses as [LookupAddress];
    process.nextTick(() =>
      options.all ? callback(null, [...addresses]) : callback(null, first.address, first.family),
    );
  };
}

function readBody(outgoing: ClientRequest, response: IncomingMessage, resolve: (received: Received) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const over = (isBroken: boolean): void => finish(outgoing, response, chunks, isBroken, resolve);
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= bodyBytesMax) over(false);
  });
  response.on('end', () => over(false));
  response.on('error', () => over(true));
}

/** Closes the connection, because the rest of the body is not wanted. */
function finish(
  outgoing: ClientRequest,
  { statusCode, headers }: IncomingMessage,
  chunks: readonly Buffer[],
  isBroken: boolean,
  resolve: (received: Received) => void,
): void {
  const body = Buffer.concat(chunks).subarray(0, bodyBytesMax);
  resolve({ status: statusCode as number, location: headers.location, body, isBroken });
  outgoing.destroy();
}
