// Warnings about variables that are set and have no effect: names of the original service and of other programs, and misspelt names.
import { variableNames, variables, type VariableName } from './variables.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of the original service, of Faktory's clients and of hosting platforms, each with the variable to use instead. */
const otherNames: Readonly<Record<string, string>> = {
  RUST_LOG: 'use LOG_LEVEL',
  TCP_KEEPALIVE_INTERVAL: "the interval is libuv's, 1 s; FAKTORY_KEEPALIVE_DELAY_MS sets the delay",
  TCP_KEEPALIVE_PROBES: "the count is libuv's, 10; FAKTORY_KEEPALIVE_DELAY_MS sets the delay",
  FAKTORY_PROVIDER: 'set FAKTORY_URL itself',
  PORT: 'use BIND_ADDR',
  REDIS_URL: 'use RESULTS_URL, and KEYS_URL for idempotency keys',
  ALLOWED_ORIGINS: 'use CORS_ORIGINS',
};

/** A name with one of these beginnings that is not in the table is most likely misspelt. */
const ownPrefix = /^(FAKTORY|ENQUEUE|BATCH|WORKER|SHUTDOWN|RESULTS?|IDEMPOTENCY|HANDLER|HTTP_REQUEST|CORS)_/;
/** Kubernetes sets these for a service that is called `faktory`. */
const ofKubernetes = /_(SERVICE_(HOST|PORT)|PORT)(_|$)/;

/** One sentence per variable that is set and has no effect here. Values are never shown. */
export function configWarnings(env: Environment): string[] {
  const set = Object.keys(env).filter((name) => env[name] && !Object.hasOwn(variables, name));
  return set.flatMap((name) => {
    const instead = insteadOf(name, env);
    return instead === undefined ? [] : [`${name} has no effect: ${instead}`];
  });
}

function insteadOf(name: string, env: Environment): string | undefined {
  if (Object.hasOwn(otherNames, name)) return otherNames[name];
  if (ofKubernetes.test(name)) return undefined;
  const meant = meantBy(name, env);
  if (meant !== undefined) return `is ${meant} meant?`;
  return ownPrefix.test(name) ? 'there is no variable of this name' : undefined;
}

/** The variable that the name looks like. Undefined when it is set as well: then the name belongs to another program. */
const meantBy = (name: string, env: Environment): VariableName | undefined =>
  variableNames.find((known) => !env[known] && isNear(letters(name), letters(known)));

const letters = (name: string): string => name.toUpperCase().replaceAll(/[_-]/g, '');

/** Near are API_KEY and API_KEYS, BIND_ADDRESS and BIND_ADDR, FAKTROY_URL and FAKTORY_URL. */
function isNear(name: string, known: string): boolean {
  if (name.startsWith(known)) return name.length - known.length <= 3;
  return name.length < known.length ? isOneEditAway(name, known) : isOneEditAway(known, name);
}

/** A letter is missing, wrong, or exchanged with its neighbour. */
function isOneEditAway(short: string, long: string): boolean {
  let same = 0;
  while (same < short.length && short[same] === long[same]) same++;
  const [x, y] = [short.slice(same), long.slice(same)];
  return x === y.slice(1) || x.slice(1) === y.slice(1) || (x[0] === y[1] && x[1] === y[0] && x.slice(2) === y.slice(2));
}
