// Sends fuzzed requests over many connections at once, many on each, and judges every response. A connection's bytes come from
// the seed and its number alone.
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom, type Random } from '../simulation/random.ts';
import { createResponseReader, faultOf, textOf, type HttpResponse } from './fuzz-responses.ts';
import { createRequest, type FuzzRequest } from './fuzz-requests.ts';

interface FuzzOptions {
  port: number;
  seed: number;
  /** Requests that were read: answered, or the one at which the connection ended. */
  requests: number;
  connections: number;
  /** Ends after so many: the first ones tell enough. */
  faultsMax?: number;
  /** Reads every response, cuts nothing off. */
  isPatient?: boolean;
  /** Called every now and then. */
  onProgress?: (requests: number) => void;
}

export interface FuzzReport {
  requests: number;
  responses: number;
  connections: number;
  byStatus: Record<string, number>;
  byChange: Record<string, number>;
  /** Ids of jobs that were answered as enqueued. */
  jobs: number;
  /** Ended by RST, as when a server closes on bytes that it has not read. */
  resets: number;
  /** The first of them, each with what is needed to see it again. */
  faults: string[];
}

interface Script {
  number: number;
  requests: FuzzRequest[];
  /** `close`: once all is answered. `half`: right after the last byte. `destroy`: without reading on. */
  end: 'close' | 'half' | 'destroy';
  random: Random;
}

const requestsMax = 50;
const hangMs = 60_000;
/** What connection `number` sends. */
export function createScript(seed: number, number: number): Script {
  const random = createRandom((seed ^ Math.imul(number + 1, 0x9e3779b1)) | 0);
  const requests: FuzzRequest[] = [];
  for (let count = random.int(1, requestsMax); count > 0; count--) {
    const request = createRequest(random);
    requests.push(request);
    if (!request.isClean) break;
  }
  const isClean = requests.at(-1)?.isClean === true;
  const end = random.chance(0.03) ? 'destroy' : isClean && random.chance(0.7) ? 'close' : 'half';
  return { number, requests, end, random };
}

/** Mostly whole, as one packet; sometimes torn at any places. */
function piecesOf({ requests, random }: Script): Buffer[] {
  const all = Buffer.concat(requests.map(({ bytes }) => bytes));
  if (random.chance(0.8)) return [all];
  const cuts = Array.from({ length: random.int(1, 6) }, () => random.int(0, all.length)).sort((a, b) => a - b);
  return [...cuts, all.length].map((cut, index) => all.subarray(index === 0 ? 0 : cuts[index - 1], cut));
}

interface Outcome {
  responses: HttpResponse[];
  fault: string | undefined;
  wasReset: boolean;
}

function play(port: number, script: Script): Promise<Outcome> {
  const { requests, end } = script;
  const reader = createResponseReader();
  const outcome: Outcome = { responses: [], fault: undefined, wasReset: false };
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const methodOf = (index: number): string => {
    const request = requests[index];
    return request?.isClean === true ? request.method : '';
  };
  function read(): void {
    const index = outcome.responses.length;
    try {
      const response = reader.next(methodOf(index));
      if (response === undefined) return;
      outcome.responses.push(response);
      outcome.fault ??= withIndex(faultOf(response, methodOf(index)), index);
    } catch (error) {
      outcome.fault ??= withIndex((error as Error).message, index);
    }
    if (outcome.fault === undefined) read();
    else socket.destroy();
  }
  async function send(): Promise<void> {
    for (const piece of piecesOf(script)) {
      // All may have been answered before the last piece.
      if (socket.writableEnded) break;
      socket.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (end === 'half') socket.end();
    else if (end === 'destroy') {
      await delay(script.random.int(0, 3));
      if (script.random.chance(0.5)) socket.resetAndDestroy();
      else socket.destroy();
    }
  }
  return new Promise((resolve) => {
    socket.setTimeout(hangMs, () => {
      outcome.fault ??= `nothing happened for ${hangMs} ms`;
      socket.destroy();
    });
    socket.on('connect', () => void send());
    socket.on('data', (bytes: Buffer) => {
      reader.push(bytes);
      read();
      if (end === 'close' && outcome.responses.length === requests.length) socket.end();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') outcome.wasReset = true;
      else outcome.fault ??= `the connection failed: ${error.code}`;
    });
    socket.on('close', () => {
      reader.end();
      read();
      if (end !== 'destroy' && !outcome.wasReset)
        outcome.fault ??= silenceOf(requests, outcome.responses, reader.rest());
      resolve(outcome);
    });
  });
}

const withIndex = (fault: string | undefined, index: number): string | undefined =>
  fault === undefined ? undefined : `response ${index}: ${fault}`;

/** What is wrong when a connection ended with these responses. */
function silenceOf(
  requests: readonly FuzzRequest[],
  responses: readonly HttpResponse[],
  rest: Buffer,
): string | undefined {
  if (rest.length > 0)
    return `response ${responses.length} is not whole: ${JSON.stringify(rest.toString('latin1', 0, 200))}`;
  const owed = requests.filter(({ isClean }) => isClean).length;
  if (responses.length < owed && responses.at(-1)?.isLast !== true) {
    return `request ${responses.length} of ${owed} was not answered, and no response said that it is the last`;
  }
  if (owed === requests.length && responses.length > owed) return `${responses.length} responses to ${owed} requests`;
  return undefined;
}

/** Never rejects for what the server does: that is in `faults`. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { port, seed, requests, connections, faultsMax = 10 } = options;
  const report: FuzzReport = {
    requests: 0,
    responses: 0,
    connections: 0,
    byStatus: {},
    byChange: {},
    jobs: 0,
    resets: 0,
    faults: [],
  };
  const bump = (counts: Record<string, number>, name: string | number): void =>
    void (counts[name] = (counts[name] ?? 0) + 1);

  function add(script: Script, { responses, fault, wasReset }: Outcome): void {
    // One more was read where the connection ended at it.
    const read = Math.min(script.requests.length, responses.length + (responses.at(-1)?.isLast === true ? 0 : 1));
    report.requests += read;
    report.responses += responses.length;
    report.resets += Number(wasReset);
    for (const { status } of responses) bump(report.byStatus, status);
    for (const { changes } of script.requests.slice(0, read))
      for (const change of changes) bump(report.byChange, change);
    for (const response of responses) report.jobs += jobsIn(response);
    if (fault !== undefined && report.faults.length < faultsMax)
      report.faults.push(describe(seed, script, responses, fault));
    options.onProgress?.(report.requests);
  }
  async function work(): Promise<void> {
    while (report.requests < requests && report.faults.length < faultsMax) {
      const script = createScript(seed, report.connections++);
      if (options.isPatient === true && script.end === 'destroy') script.end = 'half';
      add(script, await play(port, script));
    }
  }
  await Promise.all(Array.from({ length: connections }, work));
  return report;
}

function jobsIn(response: HttpResponse): number {
  // A range of a file is a 206, too.
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  if (!isJson || (response.status !== 202 && response.status !== 206)) return 0;
  const { job_id, count } = JSON.parse(textOf(response)) as { job_id?: string; count?: number };
  return job_id === undefined ? (count ?? 0) : 1;
}

function describe(
  seed: number,
  { number, requests, end }: Script,
  responses: readonly HttpResponse[],
  fault: string,
): string {
  const shown = requests.map(({ changes, bytes }, index) => {
    const response = responses[index];
    const status = response === undefined ? 'nothing' : `${response.status}${response.isLast ? ', the last' : ''}`;
    return `  ${index}: ${status} [${changes.join(', ')}] ${JSON.stringify(bytes.toString('latin1', 0, 300))}`;
  });
  return `FUZZ_SEED=${seed}, connection ${number} (${end}): ${fault}\n${shown.slice(0, responses.length + 2).join('\n')}`;
}
