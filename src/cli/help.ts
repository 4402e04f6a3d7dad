// The texts of --help: of one command, and of the program.
import { exitCodes, type Command } from './command.ts';
import { commands, type CommandRow } from './commands.ts';

const columns = 100;

export function commandHelp({ name, summary }: CommandRow, command: Command): string {
  const { operands, options, about, exits, examples } = command;
  const usage = ['work-factory', name, operands, '[OPTION...]'].filter((part) => part !== '').join(' ');
  const rows = Object.entries({ ...options, help: { about: 'prints this text' } }).map(
    ([option, { value, about: text }]: [string, { value?: string; about: string }]): [string, string] => [
      `--${option}${value === undefined ? '' : ` ${value}`}`,
      text,
    ],
  );
  const codes = Object.entries(exits).map(([exit, text]): [string, string] => [
    String(exitCodes[exit as keyof typeof exitCodes]),
    text,
  ]);
  return [
    `work-factory ${name}: ${summary}.`,
    `Usage: ${usage}`,
    about,
    `Options:\n${table(rows)}`,
    `Exit codes:\n${table(codes)}`,
    ...(examples.length > 0 ? [`Examples:\n${examples.map((example) => `  ${example}`).join('\n')}`] : []),
  ].join('\n\n');
}

/** Lines of two columns. The second column is wrapped. */
function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([first]) => first.length));
  const start = width + 4;
  const next = `\n${' '.repeat(start)}`;
  return rows
    .map(([first, second]) => `  ${first.padEnd(width)}  ${wrap(second, columns - start).join(next)}`)
    .join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string;
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

export const programHelp = (version: string): string => `Work Factory ${version}: the HTTP front door of Faktory.

Usage: work-factory [api|worker|broker]     starts the service, or a part of it
       work-factory COMMAND [OPTION...]     talks to a service that runs

To start:
${table([
  ['(no role)', 'API, worker and a broker in one process; with FAKTORY_URL set, the API alone'],
  ['api', 'takes jobs over HTTP and hands them to the Faktory of FAKTORY_URL'],
  ['worker', 'runs the jobs of that Faktory'],
  ['broker', 'the embedded broker alone, for any Faktory client'],
])}

Commands; work-factory COMMAND --help says all about each:
${table([
  ...commands.map(({ name, summary }) => [name, summary] as const),
  ['health-check', 'for the HEALTHCHECK of an image: whether the program that is process 1 lives'],
])}

  -h, --help    prints this text
  --version     prints the version

In a checkout: npm start, npm run start:api, start:worker, start:broker; and npx work-factory COMMAND.

Commands find the service by --url or WORK_FACTORY_URL (http://127.0.0.1:3000), and show the key of
WORK_FACTORY_API_KEY. They read no .env; a role, doctor, restore and jobs check read their settings from the
environment, then from the file .env in the working directory. Often used:

${table([
  ['FAKTORY_URL', 'tcp://[:password@]host[:port], the Faktory to use'],
  ['BIND_ADDR', 'host:port of the API (127.0.0.1:3000)'],
  ['API_KEYS', 'keys that callers must show, separated by commas'],
  ['JOBS_DIR', 'folder of your own job types (./jobs)'],
  ['DATA_DIR', 'folder of the embedded broker and results (./data)'],
  ['RESULTS_URL', 'redis://[:password@]host[:port][/db], for results outside the one process'],
  ['LOG_LEVEL', 'debug, info, warn, error, silent (info)'],
])}

docs/configuration.md and .env.example list every one. A wrong value stops the start, and every problem is
printed.

The log of a role is JSON lines on standard output, on a terminal lines for a person. SIGUSR2 turns
debug lines on, and off again. SIGTERM, SIGINT, SIGHUP or SIGQUIT stops it in order:
no new jobs, jobs under way end, exit within SHUTDOWN_TIMEOUT_MS. Another signal a second later ends at
once. Under nohup SIGHUP is ignored; with API_PROCESSES and no terminal it replaces the API processes.

Exit codes of a role: 0 stopped in order; 1 cannot start, or did not stop in order; 2 wrong usage.
Exit codes of a command: 0 done; 1 not enqueued, or the job failed; 2 wrong usage; 3 the outcome is
unknown; 4 the service cannot be reached.`;
