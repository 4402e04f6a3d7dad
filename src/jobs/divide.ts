// The operation divide: a ÷ b.
import { createArithmetic, twoNumbersNonZero } from './arithmetic.ts';

export const divide = createArithmetic({
  name: 'divide',
  symbol: '÷',
  schema: twoNumbersNonZero,
  compute: (a, b) => a / b,
  example: { a: 1, b: 2, result: 0.5 },
});
