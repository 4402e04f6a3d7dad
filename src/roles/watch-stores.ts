// Whether the stores answer, as a metric.
import type { Metrics } from '../metrics/metrics.ts';
import type { MeasuredKeys, MeasuredResults } from './measured-stores.ts';

export interface Stores {
  results: Pick<MeasuredResults, 'isUp'> | undefined;
  keys: Pick<MeasuredKeys, 'isUp'> | undefined;
}

/** @param look asks the stores, at most once a second however often it is called, and never rejects */
export function watchStores(
  metrics: Pick<Metrics, 'readStores'>,
  { results, keys }: Stores,
  look: () => Promise<unknown>,
): void {
  metrics.readStores(() => {
    const now = { results: results?.isUp, keys: keys?.isUp };
    // Perhaps nothing else asks the stores for a long time. With this look the next page shows that the store is back.
    if (now.results === false || now.keys === false) void look();
    return now;
  });
}
