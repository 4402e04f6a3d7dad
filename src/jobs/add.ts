// The operation add: a + b.
import { createArithmetic, twoNumbers } from './arithmetic.ts';

export const add = createArithmetic({
  name: 'add',
  symbol: '+',
  schema: twoNumbers,
  compute: (a, b) => a + b,
  example: { a: 1, b: 2, result: 3 },
});
