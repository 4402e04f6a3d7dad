import { defineJob, z } from 'work-factory';

export default defineJob({
  name: 'sum',
  args: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }) => a + b,
});
