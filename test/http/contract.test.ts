// The contract suite on the app alone: every response that needs no broker.
import type { Outcome } from '../../src/domain/producer.ts';
import { httpContract } from '../contract/http.ts';
import { build } from '../helpers/app.ts';
import { createRecordingResults } from './recording-results.ts';

for (const results of ['none', 'kept'] as const) {
  httpContract(`on a recording producer, results ${results}`, async () => {
    const closers: (() => unknown)[] = [];
    const store = createRecordingResults();
    const { listen, producer } = build(
      { after: (close) => void closers.push(close as () => unknown) },
      { results: results === 'none' ? undefined : store, batchMaxJobs: 50, batchBodyBytesMax: 20_000 },
    );
    producer.decide((job): Outcome => {
      store.remember([job]);
      return { kind: 'enqueued' };
    });
    return {
      url: await listen(),
      batchMaxJobs: 50,
      batchBodyBytesMax: 20_000,
      results,
      close: async () => void (await Promise.all(closers.map((close) => close()))),
    };
  });
}
