// The table of operations. One row here is one route, one batch entry, one jobtype, one metrics label, one entry of
// the API document and one set of tests: adding an operation is adding a row, and touches no other source file.
import { z } from 'zod';

/** Two operands. JSON has no Infinity, but `1e400` parses to it: zod's number refuses every value that is not finite. */
const operand = z.number('must be a finite number');

const controlCharacter = /\p{Cc}/u;
const requestIdBytesMax = 200;

const requestId = z
  .string('must be a string or null')
  .refine((text) => Buffer.byteLength(text) <= requestIdBytesMax, `must be at most ${requestIdBytesMax} bytes in UTF-8`)
  .refine((text) => !controlCharacter.test(text), 'must not contain control characters')
  .nullish()
  .meta({ description: 'Correlation id of the caller, handed to the worker as it is', maxLength: requestIdBytesMax });

/** What a caller sends for one job, and what the worker finds in `args[0]`. */
export interface JobArgs {
  a: number;
  b: number;
  request_id?: string | null | undefined;
}

export interface Operation {
  /** Stands between the operands in messages. */
  symbol: string;
  /** Checks a caller's body and, again, the arguments of a job that anyone may have pushed. */
  schema: z.ZodType<JobArgs>;
  run: (a: number, b: number) => number;
  /** A worked example: shown in the API document and run by the tests. */
  example: { a: number; b: number; result: number };
}

const twoNumbers = z.object({ a: operand, b: operand, request_id: requestId });
const twoNumbersNonZero = twoNumbers.extend({
  b: operand.refine((b) => b !== 0, 'must not be zero').meta({ not: { const: 0 } }),
});

export const operations = {
  add: { symbol: '+', schema: twoNumbers, run: (a, b) => a + b, example: { a: 1, b: 2, result: 3 } },
  subtract: { symbol: '-', schema: twoNumbers, run: (a, b) => a - b, example: { a: 1, b: 2, result: -1 } },
  multiply: { symbol: '×', schema: twoNumbers, run: (a, b) => a * b, example: { a: 1, b: 2, result: 2 } },
  divide: { symbol: '÷', schema: twoNumbersNonZero, run: (a, b) => a / b, example: { a: 1, b: 2, result: 0.5 } },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

export const operationNames = Object.keys(operations) as OperationName[];

/** True for the table's own names only: `constructor` and the like are no operations. */
export function isOperationName(name: unknown): name is OperationName {
  return typeof name === 'string' && Object.hasOwn(operations, name);
}

/** The jobtype on the wire; the prefix is the original service's. */
export const jobtypeOf = (name: OperationName): string => `math_${name}`;

/** Undefined when the jobtype is no operation of ours. */
export function operationOfJobtype(jobtype: string): OperationName | undefined {
  const name = jobtype.startsWith('math_') ? jobtype.slice('math_'.length) : undefined;
  return isOperationName(name) ? name : undefined;
}

/** For example `add 1 + 2`. */
export const describeJob = (name: OperationName, { a, b }: JobArgs): string =>
  `${name} ${a} ${operations[name].symbol} ${b}`;
