// Sends fuzzed requests over many connections at once, many on each, and judges every response. A connection's bytes come from
// the seed and its number alone.
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom, type Random } from '../simulation/random.ts';
import { createAnswerReader, faultOf, textOf, type Answer } from './fuzz-answers.ts';
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
  answers: number;
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
  answers: Answer[];
  fault: string | undefined;
  wasReset: boolean;
}

function play(port: number, script: Script): Promise<Outcome> {
  const { requests, end } = script;
  const reader = createAnswerReader();
  const outcome: Outcome = { answers: [], fault: undefined, wasReset: false };
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const methodOf = (index: number): string => {
    const request = requests[index];
    return request?.isClean === true ? request.method : '';
  };
  function read(): void {
    const index = outcome.answers.length;
    try {
      const answer = reader.next(methodOf(index));
      if (answer === undefined) return;
      outcome.answers.push(answer);
      outcome.fault ??= withIndex(faultOf(answer, methodOf(index)), index);
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
      if (end === 'close' && outcome.answers.length === requests.length) socket.end();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') outcome.wasReset = true;
      else outcome.fault ??= `the connection failed: ${error.code}`;
    });
    socket.on('close', () => {
      reader.end();
      read();
      if (end !== 'destroy' && !outcome.wasReset) outcome.fault ??= silenceOf(requests, outcome.answers, reader.rest());
      resolve(outcome);
    });
  });
}

const withIndex = (fault: string | undefined, index: number): string | undefined =>
  fault === undefined ? undefined : `answer ${index}: ${fault}`;

/** What is wrong when a connection ended with these answers. */
function silenceOf(requests: readonly FuzzRequest[], answers: readonly Answer[], rest: Buffer): string | undefined {
  if (rest.length > 0)
    return `answer ${answers.length} is not whole: ${JSON.stringify(rest.toString('latin1', 0, 200))}`;
  const owed = requests.filter(({ isClean }) => isClean).length;
  if (answers.length < owed && answers.at(-1)?.isLast !== true) {
    return `request ${answers.length} of ${owed} was not answered, and no answer said that it is the last`;
  }
  if (owed === requests.length && answers.length > owed) return `${answers.length} answers to ${owed} requests`;
  return undefined;
}

/** Never rejects for what the server does: that is in `faults`. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { port, seed, requests, connections, faultsMax = 10 } = options;
  const report: FuzzReport = {
    requests: 0,
    answers: 0,
    connections: 0,
    byStatus: {},
    byChange: {},
    jobs: 0,
    resets: 0,
    faults: [],
  };
  const bump = (counts: Record<string, number>, name: string | number): void =>
    void (counts[name] = (counts[name] ?? 0) + 1);

  function add(script: Script, { answers, fault, wasReset }: Outcome): void {
    // One more was read where the connection ended at it.
    const read = Math.min(script.requests.length, answers.length + (answers.at(-1)?.isLast === true ? 0 : 1));
    report.requests += read;
    report.answers += answers.length;
    report.resets += Number(wasReset);
    for (const { status } of answers) bump(report.byStatus, status);
    for (const { changes } of script.requests.slice(0, read))
      for (const change of changes) bump(report.byChange, change);
    for (const answer of answers) report.jobs += jobsIn(answer);
    if (fault !== undefined && report.faults.length < faultsMax)
      report.faults.push(describe(seed, script, answers, fault));
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

function jobsIn(answer: Answer): number {
  // A range of a file is a 206, too.
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
  if (!isJson || (answer.status !== 202 && answer.status !== 206)) return 0;
  const { job_id, count } = JSON.parse(textOf(answer)) as { job_id?: string; count?: number };
  return job_id === undefined ? (count ?? 0) : 1;
}

function describe(seed: number, { number, requests, end }: Script, answers: readonly Answer[], fault: string): string {
  const shown = requests.map(({ changes, bytes }, index) => {
    const answer = answers[index];
    const status = answer === undefined ? 'nothing' : `${answer.status}${answer.isLast ? ', the last' : ''}`;
    return `  ${index}: ${status} [${changes.join(', ')}] ${JSON.stringify(bytes.toString('latin1', 0, 300))}`;
  });
  return `FUZZ_SEED=${seed}, connection ${number} (${end}): ${fault}\n${shown.slice(0, answers.length + 2).join('\n')}`;
}
