// The operation subtract: a - b.
import { createArithmetic, twoNumbers } from './arithmetic.ts';

export const subtract = createArithmetic({
  name: 'subtract',
  symbol: '-',
  schema: twoNumbers,
  compute: (a, b) => a - b,
  example: { a: 1, b: 2, result: -1 },
});
