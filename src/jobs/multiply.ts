// The operation multiply: a × b.
import { createArithmetic, twoNumbers } from './arithmetic.ts';

export const multiply = createArithmetic({
  name: 'multiply',
  symbol: '×',
  schema: twoNumbers,
  compute: (a, b) => a * b,
  example: { a: 1, b: 2, result: 2 },
});
