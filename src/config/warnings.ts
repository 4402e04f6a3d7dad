// What is set and has no effect: names of the original service, and slips of the pen.
import { variables } from './variables.ts';

/** Variables of the original service that have another name here, with what to use instead. */
const formerNames: Readonly<Record<string, string>> = {
  RUST_LOG: 'use LOG_LEVEL',
  TCP_KEEPALIVE_INTERVAL: "the interval is libuv's, 1 s; FAKTORY_KEEPALIVE_DELAY_MS sets the delay",
  TCP_KEEPALIVE_PROBES: "the count is libuv's, 10; FAKTORY_KEEPALIVE_DELAY_MS sets the delay",
};

/** What begins like this and is not in the table is most likely a slip of the pen. */
const ownPrefix = /^(FAKTORY|ENQUEUE|BATCH|WORKER|SHUTDOWN|RESULTS?)_/;
/** Kubernetes sets these for a service that is called `faktory`. */
const ofKubernetes = /_(SERVICE_(HOST|PORT)|PORT)(_|$)/;

/** One sentence per variable that is set and has no effect here. */
export function configWarnings(env: Readonly<Record<string, string | undefined>>): string[] {
  const former = Object.entries(formerNames).map(([name, instead]) => [name, `has no effect: ${instead}`] as const);
  const unknown = Object.keys(env)
    .filter((name) => ownPrefix.test(name) && !ofKubernetes.test(name) && !Object.hasOwn(variables, name))
    .map((name) => [name, 'has no effect: there is no variable of this name'] as const);
  return [...former, ...unknown].filter(([name]) => env[name]).map((words) => words.join(' '));
}
