// Plays fuzzed sessions against a broker's port, checks every reply, and keeps a ledger of the jobs: what was acknowledged,
// what was refused, and what nobody can know because the client left.
import { connect } from 'node:net';
import { takeReplies, type FwpReply } from '../broker/fwp-client.ts';
import { createRandom } from '../simulation/random.ts';
import { createSession, takenQueue, type FuzzLine, type FuzzSession } from './fuzz-lines.ts';

export type JobOutcome = 'acknowledged' | 'refused' | 'unknown';

export interface LinesReport {
  sessions: number;
  /** Lines that were answered, or at which the connection ended. */
  lines: number;
  byReply: Record<'ok' | 'error' | 'bulk' | 'nil', number>;
  outcomes: Map<string, JobOutcome>;
  /** Acknowledged for a later time. */
  scheduled: Set<string>;
  /** In the queue that the fuzzer fetches from: may have been handed out. */
  fetchable: Set<string>;
  faults: string[];
}

interface LinesOptions {
  port: number;
  seed: number;
  lines: number;
  connections: number;
  lineBytesMax: number;
  onProgress?: (lines: number) => void;
}

interface FuzzJob {
  jid: string;
  queue: unknown;
  at: unknown;
}

const faultsMax = 10;
const hangMs = 60_000;

/** Jobs of a line that the broker takes for a push. */
function jobsOf({ bytes }: FuzzLine): FuzzJob[] {
  const match = /^(PUSHB?) ([^]*)$/.exec(bytes.toString());
  if (!match) return [];
  try {
    const parsed: unknown = JSON.parse(match[2] as string);
    const jobs = (match[1] === 'PUSHB' ? parsed : [parsed]) as (Partial<FuzzJob> | null)[];
    return jobs.filter((job): job is FuzzJob => typeof job?.jid === 'string');
  } catch {
    return [];
  }
}

const isReply = (reply: FwpReply): boolean =>
  reply === null || reply === '+OK' || /^-ERR [^\p{Cc}]*$/u.test(reply) || /^[{[]/.test(reply);

function kindOf(reply: FwpReply): keyof LinesReport['byReply'] {
  if (reply === null) return 'nil';
  return reply.startsWith('+') ? 'ok' : reply.startsWith('-') ? 'error' : 'bulk';
}

interface Played {
  replies: FwpReply[];
  greeting: string;
  isHung: boolean;
  rest: Buffer;
}

function play(port: number, session: FuzzSession): Promise<Played> {
  const { hello, lines, tail, end } = session;
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const played: Played = { replies: [], greeting: '', isHung: false, rest: Buffer.alloc(0) };
  const lineEnd = Buffer.from(session.number % 2 === 0 ? '\n' : '\r\n');
  return new Promise((resolve) => {
    socket.setTimeout(hangMs, () => {
      played.isHung = true;
      socket.destroy();
    });
    socket.on('connect', () => {
      const first = hello === undefined ? [] : [hello, lineEnd];
      socket.write(Buffer.concat([...first, ...lines.flatMap(({ bytes }) => [bytes, lineEnd]), tail]));
      if (end === 'half') socket.end();
      else setTimeout(() => socket.destroy(), session.number % 5);
    });
    socket.on('data', (bytes: Buffer) => {
      const { replies, rest } = takeReplies(Buffer.concat([played.rest, bytes]));
      played.rest = rest;
      played.replies.push(...replies);
    });
    // A reset, as when it ends on bytes that it has not read.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      played.greeting = played.replies.shift() ?? '';
      resolve(played);
    });
  });
}

/** Never rejects for what the broker does: that is in `faults`. */
export async function fuzzLines(options: LinesOptions): Promise<LinesReport> {
  const { port, seed, lines, connections, lineBytesMax } = options;
  const report: LinesReport = {
    sessions: 0,
    lines: 0,
    byReply: { ok: 0, error: 0, bulk: 0, nil: 0 },
    outcomes: new Map(),
    scheduled: new Set(),
    fetchable: new Set(),
    faults: [],
  };

  function note(session: FuzzSession, played: Played): void {
    const { greeting, replies, isHung, rest } = played;
    const bad = (fault: string): void =>
      void (report.faults.length < faultsMax && report.faults.push(describe(seed, session, replies, fault)));
    if (isHung) bad(`nothing happened for ${hangMs} ms`);
    if (session.end === 'half' && !greeting.startsWith('+HI ')) bad(`no greeting but ${greeting}`);
    if (rest.length > 0 && session.end === 'half') bad(`a reply that is not whole: ${rest.toString('latin1', 0, 200)}`);
    const wrong = replies.find((reply) => !isReply(reply));
    if (wrong !== undefined) bad(`no reply: ${JSON.stringify(wrong)}`);
    // The first reply is that to HELLO.
    noteLines(session, session.hello === undefined ? [] : replies.slice(1), bad);
    report.lines += Math.min(session.lines.length, replies.length + 1);
    for (const reply of replies) report.byReply[kindOf(reply)] += 1;
    options.onProgress?.(report.lines);
  }

  function noteLines(session: FuzzSession, replies: readonly FwpReply[], bad: (fault: string) => void): void {
    const { hello, lines: sent, end } = session;
    const whole = sent.findIndex(({ change }) => change === 'end' || change === 'long');
    if (hello !== undefined && end === 'half') {
      // END has no reply, and the one to a line that is too long may be lost in the reset that follows.
      const owed = whole === -1 ? sent.length : whole;
      if (replies.length < owed) bad(`${replies.length} replies to ${owed} lines`);
      if (replies.length > owed + 1) bad(`${replies.length} replies to ${owed} lines`);
    }
    for (const [index, one] of sent.entries()) {
      // What comes behind an end, or before a HELLO, is nothing to the broker.
      const isHeard = hello !== undefined && (whole === -1 || index < whole);
      noteJobs(one, isHeard ? replies[index] : 'not heard', bad);
    }
    if (session.tail.length > 0)
      for (const { jid } of jobsOf({ bytes: session.tail, change: '' })) report.outcomes.set(jid, 'refused');
  }

  /** @param reply undefined: the client left before it came */
  function noteJobs(one: FuzzLine, reply: FwpReply | undefined, bad: (fault: string) => void): void {
    const jobs = jobsOf(one);
    if (
      one.change === 'none' &&
      reply !== undefined &&
      reply !== 'not heard' &&
      !['+OK', '{}'].includes(String(reply))
    ) {
      bad(`a good push was answered with ${reply}`);
    }
    const refused = reply?.startsWith('{') === true ? (JSON.parse(reply) as Record<string, string>) : undefined;
    for (const { jid, queue, at } of jobs) {
      const isStored = reply === '+OK' || (refused !== undefined && !Object.hasOwn(refused, jid));
      // The same jid twice in one line: what is known is the weaker.
      const outcome = reply === undefined ? 'unknown' : isStored ? 'acknowledged' : 'refused';
      report.outcomes.set(jid, report.outcomes.has(jid) && report.outcomes.get(jid) !== outcome ? 'unknown' : outcome);
      if (queue === takenQueue) report.fetchable.add(jid);
      if (isStored && typeof at === 'string' && Date.parse(at) > Date.now()) report.scheduled.add(jid);
    }
  }

  async function work(): Promise<void> {
    while (report.lines < lines && report.faults.length < faultsMax) {
      const number = report.sessions++;
      const random = createRandom((seed ^ Math.imul(number + 1, 0x9e3779b1)) | 0);
      const session = createSession(random, number, lineBytesMax);
      note(session, await play(port, session));
    }
  }
  await Promise.all(Array.from({ length: connections }, work));
  return report;
}

function describe(
  seed: number,
  { number, hello, lines, end }: FuzzSession,
  replies: readonly FwpReply[],
  fault: string,
): string {
  const offset = hello === undefined ? 0 : 1;
  const shown = lines.map(
    ({ bytes, change }, index) =>
      `  ${index} [${change}] ${JSON.stringify(bytes.toString('latin1', 0, 200))} -> ${(replies[index + offset] ?? 'nothing').slice(0, 200)}`,
  );
  return `FUZZ_SEED=${seed}, session ${number} (${end}): ${fault}\n  ${String(hello)} -> ${String(replies[0])}\n${shown.join('\n')}`;
}
