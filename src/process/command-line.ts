// The command line: what it asks for, and the text of --help.
import { parseArgs } from 'node:util';

export const roleNames = ['api', 'worker', 'broker'] as const;
export type RoleName = (typeof roleNames)[number];

export type Command =
  | { kind: 'start'; role: RoleName | undefined }
  | { kind: 'check jobs' }
  | { kind: 'help' }
  | { kind: 'version' }
  | { kind: 'health-check' }
  | { kind: 'wrong'; message: string };

/** @param args what follows the program's own path */
export function readCommandLine(args: readonly string[]): Command {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } },
      allowPositionals: true,
    });
    if (values.help) return { kind: 'help' };
    if (values.version) return { kind: 'version' };
    if (positionals.join(' ') === 'jobs check') return { kind: 'check jobs' };
    const [name, ...others] = positionals;
    if (name === 'health-check' && others.length === 0) return { kind: 'health-check' };
    const role = roleNames.find((known) => known === name);
    if (name !== undefined && role === undefined) return wrong(`there is no role "${name}"`);
    if (others.length > 0) return wrong(`one role at a time, not also "${others.join(' ')}"`);
    return { kind: 'start', role };
  } catch (error) {
    // For example: Unknown option '--port'. It goes on with advice about positional arguments.
    return wrong((error as Error).message.replace(/\. .*$/s, ''));
  }
}

const wrong = (message: string): Command => ({
  kind: 'wrong',
  message: `${message}; roles: ${roleNames.join(', ')}; work-factory --help says more`,
});

export const helpText = (version: string): string => `Work Factory ${version}: the HTTP front door of Faktory.

Usage: work-factory [api|worker|broker]
       work-factory jobs check
       work-factory health-check

  (no role)     API, worker and a broker in one process; with FAKTORY_URL set, the API alone
  api           takes jobs over HTTP and hands them to the Faktory of FAKTORY_URL
  worker        runs the jobs of that Faktory
  broker        the embedded broker alone, for any Faktory client
  jobs check    lists the job types, runs their examples and says what is wrong with the files of JOBS_DIR

  health-check  for the HEALTHCHECK of an image: whether the program that is process 1 lives

  -h, --help    prints this text
  --version     prints the version

In a checkout: npm start, npm run start:api, start:worker, start:broker.

Settings are read from the environment, then from the file .env in the working directory. Often used:

  FAKTORY_URL   tcp://[:password@]host[:port], the Faktory to use
  BIND_ADDR     host:port of the API (127.0.0.1:3000)
  API_KEYS      keys that callers must show, separated by commas
  JOBS_DIR      folder of your own job types (./jobs)
  DATA_DIR      folder of the embedded broker and results (./data)
  RESULTS_URL   redis://[:password@]host[:port][/db], for results outside the one process
  LOG_LEVEL     debug, info, warn, error, silent (info)

docs/configuration.md and .env.example list every one. A wrong value stops the start, and every problem is printed.

The log is JSON lines on standard output. SIGTERM, SIGINT, SIGHUP or SIGQUIT stops in order: no new jobs, jobs under way
end, exit within SHUTDOWN_TIMEOUT_MS. Another signal a second later ends at once. Under nohup SIGHUP is ignored.

Exit codes: 0 stopped in order, or all is right; 1 cannot start, did not stop in order, is not healthy, or the jobs are
wrong; 2 wrong usage.
`;
