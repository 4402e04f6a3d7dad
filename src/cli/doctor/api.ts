// The API: whether it can be reached, takes work, and takes the key.
import { WorkFactoryError } from '../../client/error.ts';
import { printable } from '../output.ts';
import type { Service } from '../service.ts';
import { find, type Finding } from './finding.ts';

interface ApiFindings {
  readonly findings: readonly Finding[];
  readonly isReached: boolean;
}

interface Check {
  readonly ok?: boolean;
  readonly reason?: string;
}

interface Readiness {
  readonly durability?: string;
  readonly keys?: string;
  readonly checks?: Readonly<Record<string, Check>>;
  readonly worker?: Check;
}

/** @param version of this program */
export async function checkApi({ url, send }: Pick<Service, 'url' | 'send'>, version: string): Promise<ApiFindings> {
  try {
    const { body: health } = await send('GET', '/health');
    const theirs = String(health['version']);
    const findings = [find('api', 'ok', `${url} answers: version ${printable(theirs)}`)];
    if (theirs !== version) findings.push(find('api', 'warning', `this command is of another version: ${version}`));
    const readiness = await checkReadiness(send);
    const resultsFail = readiness.some(({ about, level }) => about === 'results' && level === 'problem');
    const byKey = (await checkKey(send)).filter(({ about }) => !(resultsFail && about === 'results'));
    return { findings: [...findings, ...readiness, ...byKey], isReached: true };
  } catch (error) {
    if (!(error instanceof WorkFactoryError)) throw error;
    return {
      findings: [find('api', 'problem', `${url}: ${printable(error.detail)}`)],
      isReached: error.status !== undefined,
    };
  }
}

async function checkReadiness(send: Service['send']): Promise<Finding[]> {
  const { checks = {}, worker, durability, keys }: Readiness = await readiness(send);
  const findings = Object.entries(checks)
    .filter(([, { ok }]) => ok === false)
    .map(([name, { reason = '' }]) => find(aboutOf(name), 'problem', `the API says: ${name} ${printable(reason)}`));
  if (checks['broker']?.ok === true)
    findings.push(
      find('broker', 'ok', `the API reaches it; a stored job survives: ${printable(durability ?? 'unknown')}`),
    );
  if (worker?.ok === false)
    findings.push(find('api', 'problem', `jobs are stored and wait: ${printable(worker.reason ?? '')}`));
  if (keys === 'none') findings.push(find('keys', 'warning', 'the API keeps none: an Idempotency-Key is refused'));
  else if (keys !== undefined && checks['keys']?.ok !== false)
    findings.push(find('keys', 'ok', `the API keeps them; they survive: ${printable(keys)}`));
  return findings;
}

/** The part of the service that a check of /ready is about. */
const aboutOf = (check: string): Finding['about'] =>
  check === 'broker' || check === 'results' || check === 'keys' ? check : 'api';

/** A service that is not ready says why in the same body. */
async function readiness(send: Service['send']): Promise<Readiness> {
  try {
    return (await send('GET', '/ready')).body;
  } catch (error) {
    if (error instanceof WorkFactoryError && error.problem?.['checks'] !== undefined) return error.problem;
    throw error;
  }
}

/** Asks for a job that does not exist: a caller with a right key is told so. */
async function checkKey(send: Service['send']): Promise<Finding[]> {
  try {
    await send('GET', '/jobs/doctor-asks-for-none');
    return [];
  } catch (error) {
    if (!(error instanceof WorkFactoryError)) throw error;
    switch (error.code) {
      case 'not_found':
        return [find('results', 'ok', 'the API keeps them')];
      case 'results_not_kept':
        return [
          find('results', 'warning', 'the API keeps none: status and enqueue --wait cannot tell how a job ended'),
        ];
      case 'unauthorized':
        return [find('api', 'problem', 'it wants another API key: set WORK_FACTORY_API_KEY to one of its API_KEYS')];
      default:
        return [find('results', 'problem', `the API says: ${printable(error.detail)} (${error.code})`)];
    }
  }
}
