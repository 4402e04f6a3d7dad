// Runs the command line in this process: arguments and standard input in, exit code and both outputs out.
import { PassThrough, Readable, type Writable } from 'node:stream';
import { runCli } from '../../src/cli/run.ts';

interface Ran {
  code: number;
  out: string;
  err: string;
}

interface CliSurroundings {
  env?: NodeJS.ProcessEnv;
  stdin?: Readable | string;
  signal?: AbortSignal;
  /** Standard error is a terminal. */
  isTerminal?: boolean;
  /** In place of a reader that takes everything. */
  stdout?: Writable;
}

/** What was written so far, and the stream that takes it. */
export function createSink(fields: object = {}): { stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new PassThrough();
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  return { stream: Object.assign(stream, fields), text: () => Buffer.concat(chunks).toString() };
}

export async function cli(args: readonly string[], surroundings: CliSurroundings = {}): Promise<Ran> {
  const { env = {}, stdin = '', signal = new AbortController().signal, isTerminal = false, stdout } = surroundings;
  const [out, err] = [createSink(), createSink(isTerminal ? { isTTY: true, columns: 100 } : {})];
  const code = await runCli({
    args,
    env,
    stdin: typeof stdin === 'string' ? Readable.from([Buffer.from(stdin)]) : stdin,
    stdout: stdout ?? out.stream,
    stderr: err.stream,
    version: '1.2.3',
    signal,
  });
  return { code, out: out.text(), err: err.text() };
}
