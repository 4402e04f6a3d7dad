// The Redis of results and the Redis of keys: whether Redis answers, and whether it would evict records.
import { KeyStoreError } from '../../domain/keys.ts';
import { createFitness } from '../../keys/fitness.ts';
import { openRedis, untilReady } from '../../results/redis-connection.ts';
import { printable } from '../output.ts';
import { find, type Finding } from './finding.ts';

interface Urls {
  readonly RESULTS_URL?: string | undefined;
  readonly KEYS_URL?: string | undefined;
}

export async function checkStores({ RESULTS_URL: results, KEYS_URL: keys = results }: Urls): Promise<Finding[]> {
  const findings = await Promise.all([
    ...(results === undefined ? [] : [checkStore('results', results)]),
    ...(keys === undefined ? [] : [checkStore('keys', keys)]),
  ]);
  return findings.flat();
}

async function checkStore(about: 'results' | 'keys', url: string): Promise<Finding[]> {
  const said: string[] = [];
  const log = { info: () => undefined, warn: (_fields: unknown, text?: string) => void said.push(text ?? '') };
  const place = placeOf(url);
  const redis = openRedis(about, url, log);
  const fitness = createFitness(redis, log);
  try {
    await untilReady(redis);
    await fitness.check();
    const durability = `what is kept survives: ${fitness.durability}`;
    const unsure = said
      .filter((text) => text !== '')
      .map((text) => find(about, 'warning', `${place}: ${printable(text)}`));
    return [find(about, 'ok', `${place} answers and does not evict; ${durability}`), ...unsure];
  } catch (error) {
    if (error instanceof KeyStoreError && error.reason === 'unkept')
      return about === 'keys'
        ? [find(about, 'problem', `${place}: ${printable(error.message)}`)]
        : [
            find(
              about,
              'warning',
              `${place} evicts when it is full (maxmemory-policy): results may be gone before their time`,
            ),
          ];
    return [find(about, 'problem', `${place} does not answer: ${printable((error as Error).message)}`)];
  } finally {
    redis.disconnect();
  }
}

/** Without the password. */
function placeOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '6379'}`;
}
