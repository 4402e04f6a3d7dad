// The four operations of the original service. They keep its encoded jobs and its messages, and run in the worker's own
// process. Definitions of JOBS_DIR can do neither.
import { z } from 'zod';
import type { ArgsReading, InlineEnd, JobType } from '../domain/job-type.ts';
import { requestId } from '../domain/request-id.ts';
import { isObject } from '../domain/json-structure.ts';

/** JSON has no Infinity, but `1e400` parses to it: zod's number refuses every value that is not finite. */
const operand = z.number('must be a finite number');

export const twoNumbers = z.object({ a: operand, b: operand, request_id: requestId });
const twoNumbersNonZero = twoNumbers.extend({
  b: operand.refine((b) => b !== 0, 'must not be zero').meta({ not: { const: 0 } }),
});

type TwoNumbers = z.output<typeof twoNumbers>;

interface Arithmetic {
  name: string;
  /** The sign between the operands in messages. */
  symbol: string;
  /** Default: two finite numbers. */
  schema?: z.ZodType<TwoNumbers>;
  compute: (a: number, b: number) => number;
  example: { a: number; b: number; result: number };
}

export function createArithmetic({ name, symbol, schema = twoNumbers, compute, example }: Arithmetic): JobType {
  const { a, b, result } = example;
  return {
    name,
    jobtype: `math_${name}`,
    queue: 'default',
    retry: 25,
    reserveForSeconds: 60,
    args: schema,
    isTuple: false,
    body: schema,
    bodyExamples: [{ a, b }],
    result: z.number(),
    timeoutSeconds: undefined,
    compress: false,
    ownSlots: false,
    runs: 'inline',
    examples: [{ args: { a, b }, result }],
    readFlat: (body) => read(schema, body),
    // A list or a text is passed on, because a spread would make an object of it.
    readArgs: (args, id) => read(schema, id == null || !isObject(args) ? args : { ...args, request_id: id }),
    describe: (value) => `Job enqueued to ${name} ${(value as TwoNumbers).a} ${symbol} ${(value as TwoNumbers).b}`,
    runInline: (args) => run(schema, compute, args),
  };
}

const withoutRequestId = ',"request_id":null}';

function read(schema: z.ZodType<TwoNumbers>, given: unknown): ArgsReading {
  const parsed = schema.safeParse(given);
  if (!parsed.success) return { success: false, issues: parsed.error.issues };
  const { a, b, request_id: id } = parsed.data;
  // -0 becomes 0, as in JSON.stringify. Few parts: V8 keeps each for as long as the job's text.
  const numbers = `{"a":${a},"b":${b}`;
  const json = numbers + (id == null ? withoutRequestId : `,"request_id":${JSON.stringify(id)}}`);
  const jsonBytes = id == null ? json.length : Buffer.byteLength(json);
  return { success: true, args: { value: parsed.data, json, jsonBytes, requestId: undefined } };
}

const textCharsMax = 200;

function run(schema: z.ZodType<TwoNumbers>, compute: Arithmetic['compute'], given: unknown): InlineEnd {
  const checked = schema.safeParse(given);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const error = [...(issue?.path ?? []).map(String), issue?.message ?? 'invalid arguments'].join(' ');
    return { about: numbersOf(given), error: error.slice(0, textCharsMax) };
  }
  const { a, b, request_id } = checked.data;
  const about = { a, b, ...(request_id != null && { request_id }) };
  try {
    const result = compute(a, b);
    return Number.isFinite(result) ? { about, result } : { about, error: 'the result is not a finite number' };
  } catch (thrown) {
    return { about, thrown };
  }
}

function numbersOf(given: unknown): { a?: number; b?: number } {
  if (typeof given !== 'object' || given === null) return {};
  const { a, b } = given as { a?: unknown; b?: unknown };
  return { ...(typeof a === 'number' && { a }), ...(typeof b === 'number' && { b }) };
}

export const arithmetic: readonly JobType[] = [
  createArithmetic({ name: 'add', symbol: '+', compute: (a, b) => a + b, example: { a: 1, b: 2, result: 3 } }),
  createArithmetic({ name: 'subtract', symbol: '-', compute: (a, b) => a - b, example: { a: 1, b: 2, result: -1 } }),
  createArithmetic({ name: 'multiply', symbol: '×', compute: (a, b) => a * b, example: { a: 1, b: 2, result: 2 } }),
  createArithmetic({
    name: 'divide',
    symbol: '÷',
    schema: twoNumbersNonZero,
    compute: (a, b) => a / b,
    example: { a: 1, b: 2, result: 0.5 },
  }),
];
