// Work for the processor: each round hashes the outcome of the round before. It runs in a process of its own, so that
// neither the API nor other jobs wait for it; between slices of the work it lets them have their turn and heeds `signal`.
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineJob, z } from 'work-factory';

const roundsPerTurn = 10_000;

export default defineJob({
  name: 'hash_chain',
  args: z.object({ seed: z.string().max(1000), rounds: z.int().min(1).max(10_000_000) }),
  result: z.object({ digest: z.string() }),
  timeoutSeconds: 45,
  async run({ seed, rounds }, { signal, progress }) {
    let digest = seed;
    for (let round = 1; round <= rounds; round++) {
      digest = createHash('sha256').update(digest).digest('hex');
      if (round % roundsPerTurn !== 0) continue;
      progress((100 * round) / rounds);
      await nextTurn();
      signal.throwIfAborted();
    }
    return { digest };
  },
  examples: [
    {
      args: { seed: 'work', rounds: 3 },
      result: { digest: '502a0e0fafd45b1decc1a49efac62396a9495381ed94ff351f3ece0f8ba12d37' },
    },
  ],
});
