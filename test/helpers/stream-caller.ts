// A caller of POST /jobs/stream that reads while it writes.
import { once } from 'node:events';
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';

export interface ReportLine {
  line?: number;
  status?: string;
  job_id?: string;
  code?: string;
  detail?: string;
  duplicate?: boolean;
  replayed?: boolean;
  at?: string;
  summary?: Record<string, unknown>;
}

export interface StreamCaller {
  request: ClientRequest;
  response: IncomingMessage;
  write(text: string): void;
  end(): void;
  /** The next line of the response; undefined at its end. */
  next(): Promise<ReportLine | undefined>;
  /** All that follow. Rejects when the response is cut. */
  rest(): Promise<ReportLine[]>;
}

/** @param url of the service */
export async function openStream(
  t: Pick<TestContext, 'after'>,
  url: string,
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<StreamCaller> {
  const agent = new Agent();
  t.after(() => agent.destroy());
  const req = request(`${url}/jobs/stream${query}`, {
    method: 'POST',
    agent,
    headers: { 'content-type': 'application/x-ndjson', ...headers },
  });
  // The response tells.
  req.on('error', () => undefined);
  req.flushHeaders();
  const [response] = (await once(req, 'response')) as [IncomingMessage];
  const lines = readLines(response);
  const next = async (): Promise<ReportLine | undefined> => (await lines.next()).value as ReportLine | undefined;
  return {
    request: req,
    response,
    write: (text) => void req.write(text),
    end: () => void req.end(),
    next,
    async rest() {
      const all: ReportLine[] = [];
      for (let line; (line = await next());) all.push(line);
      return all;
    },
  };
}

async function* readLines(response: IncomingMessage): AsyncGenerator<ReportLine> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const texts = (rest + String(chunk)).split('\n');
    rest = texts.pop() ?? '';
    for (const text of texts) yield JSON.parse(text) as ReportLine;
  }
}

/** Sends all of it, then reads. */
export async function postStream(
  url: string,
  body: string,
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; lines: ReportLine[]; headers: Headers }> {
  const response = await fetch(`${url}/jobs/stream${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', ...headers },
    body,
  });
  const texts = (await response.text()).trim().split('\n');
  const lines = texts.map((text) => JSON.parse(text) as ReportLine);
  return { status: response.status, lines, headers: response.headers };
}
