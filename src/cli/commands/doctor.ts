// `work-factory doctor`: what is wrong with the settings, and with the API, the broker and the stores that they name.
import { defineCommand, exitCodes, type ExitCode, type Invocation } from '../command.ts';
import { checkApi } from '../doctor/api.ts';
import { checkBroker } from '../doctor/broker.ts';
import { find, lookMsMax, type Finding } from '../doctor/finding.ts';
import { checkSettings, urlOf } from '../doctor/settings.ts';
import { checkStores } from '../doctor/stores.ts';
import { defaultUrl, openService, serviceOptions } from '../service.ts';

const { url, 'api-key': apiKey, json } = serviceOptions;
const options = {
  url: { ...url, about: 'where the service is; default: WORK_FACTORY_URL, or BIND_ADDR of the settings' },
  'api-key': apiKey,
  json,
} as const;

export const doctor = defineCommand({
  operands: '',
  operandCount: { min: 0, max: 0 },
  options,
  about: `Looks at all of this, and prints a line for each finding: ok, warning or problem.

  settings  those of this environment and of .env, as a start here reads them: wrong values, names that
            have no effect, settings that contradict each other
  api       whether it can be reached, is ready, and takes your key
  broker    the Faktory of FAKTORY_URL from this machine, whether its jobs end, and what the API says of
            its broker
  results   the Redis of RESULTS_URL, and whether the API keeps results
  keys      the Redis of KEYS_URL or RESULTS_URL: one that evicts would forget keys, and a job would be
            made twice

Type it where the service runs, in its folder and with its environment; elsewhere settings are only
those of your own machine. It changes nothing.`,
  exits: {
    done: 'no problem (there may be warnings)',
    failed: 'at least one problem',
    usage: 'wrong usage',
    unreachable: 'the API cannot be reached; other problems are listed, too',
  },
  examples: ['work-factory doctor', 'work-factory doctor --url http://127.0.0.1:3000 --json'],
  run: examine,
});

async function examine(given: Invocation<typeof options>): Promise<ExitCode> {
  const { output, env, version, options: chosen } = given;
  const { config, findings: settings } = checkSettings({ ...env });
  const own = chosen.url === undefined && !env['WORK_FACTORY_URL'] && config ? urlOf(config) : undefined;
  const service = openService(
    { ...given, options: { ...(own !== undefined && { url: own }), ...chosen } },
    lookMsMax / 1000,
  );
  const [api, broker, stores] = await Promise.all([
    checkApi(service, version),
    config?.FAKTORY_URL ? checkBroker(config, config.FAKTORY_URL) : [],
    config ? checkStores(config) : [],
  ]);
  const findings = [...settings, ...otherUrl(own), ...api.findings, ...broker, ...stores];
  for (const finding of findings) await (chosen.json ? output.printJson(finding) : output.print(describe(finding)));
  if (!api.isReached) return exitCodes.unreachable;
  return findings.some(({ level }) => level === 'problem') ? exitCodes.failed : exitCodes.done;
}

/** The other commands do not read the settings, so they may ask another service. */
const otherUrl = (own: string | undefined): Finding[] =>
  own === undefined || own === defaultUrl
    ? []
    : [find('settings', 'warning', `the other commands ask ${defaultUrl}: set WORK_FACTORY_URL=${own}`)];

const describe = ({ about, level, text }: Finding): string => `${level.padEnd(7)}  ${about.padEnd(8)}  ${text}`;
