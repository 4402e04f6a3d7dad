// The entry of a handler process: it loads the definitions itself, runs the jobs that the worker sends, and ends with the
// worker. Standard output and error are the jobs' own; the worker logs them.
import { Socket } from 'node:net';
import { loadJobs, type LoadedJobs } from '../jobs/load-jobs.ts';
import { endWithParent } from './end-with-parent.ts';
import { messagesFd } from './handler-process.ts';
import { createContext, type OpenContext } from './job-context.ts';
import { createLineReader } from './line-reader.ts';
import { createLineWriter } from './line-writer.ts';
import { formatMessage, type HandlerSettings, type ToHandler } from './messages.ts';
import { becomeNice } from './niceness.ts';
import { runHandler, type Run } from './run-handler.ts';

const socket = new Socket({ fd: messagesFd, readable: true, writable: true });
const write = createLineWriter(socket);
const contexts = new Map<number, OpenContext>();

// A signal to the process group reaches this process, too. This process ignores it: the worker ends this process.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const)
  process.on(signal, () => undefined);

endWithParent();
// The worker has ended, or has closed the socket so that this process ends.
socket.on('error', () => process.exit());
socket.on('close', () => process.exit());

type Runner = (message: Extract<ToHandler, { type: 'run' }>) => Promise<void>;

function createRunner(
  { registry, definitions }: LoadedJobs,
  { argsBytesMax, resultBytesMax }: HandlerSettings,
): Runner {
  return async ({ id, name, attempt, job }) => {
    const type = registry.byName(name);
    const definition = definitions.get(name) as { run: Run } | undefined;
    if (!type || !definition) throw new Error(`the type ${name} is not declared here`);
    const opened = createContext({ id, job, attempt, send: (message) => write(formatMessage(message)) });
    contexts.set(id, opened);
    const { context } = opened;
    const end = await runHandler({
      id,
      type,
      run: (args, given) => definition.run(args, given),
      job,
      context,
      argsBytesMax,
      resultBytesMax,
    });
    contexts.delete(id);
    opened.end();
    write(end);
  };
}

/** Undefined before `ready`. A run starts synchronously: its `abort` may be in the same chunk. */
let runner: Runner | undefined;

async function begin(settings: HandlerSettings): Promise<void> {
  const jobs = await loadJobs(settings.jobsDir, settings.builtIn).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
  runner = createRunner(jobs, settings);
  // Not earlier: on a busy machine the start would take long, and no job runs meanwhile.
  becomeNice();
  write(formatMessage({ type: 'ready' }));
}

// The worker is trusted: its lines have no limit.
const { read } = createLineReader({
  bytesMax: Infinity,
  onLine(line) {
    const message = JSON.parse(line) as ToHandler;
    if (message.type === 'begin') return void begin(message);
    if (message.type === 'run') return void runner?.(message);
    write(formatMessage({ type: 'aborted', id: message.id }));
    contexts.get(message.id)?.abort(message.reason);
  },
});
socket.on('data', read);
