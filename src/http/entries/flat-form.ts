// The flat form of a job: arguments only. Unknown fields are ignored, as the guide of the original service has it. An option is
// refused, because its caller expects that it works.
import { z } from 'zod';
import type { ArgsReading, Issues, JobType } from '../../domain/job-type.ts';

const options = [
  ...['queue', 'at', 'delay_seconds', 'retry', 'reserve_for', 'expires_at', 'expires_in_seconds', 'custom'],
  ...['key', 'unique_for', 'unique_key', 'jobtype', 'args'],
  // The names of these options in other services.
  ...['delay', 'priority'],
];

const message = 'is no argument: options go beside "args" (POST /jobs)';
const none: Issues = [];

interface ArgumentsSchema {
  properties?: object;
  additionalProperties?: unknown;
  anyOf?: ArgumentsSchema[];
  oneOf?: ArgumentsSchema[];
  allOf?: ArgumentsSchema[];
}

/** True when a value of this schema may have the field, in at least one of its forms. */
function takes(schema: ArgumentsSchema, name: string): boolean {
  const { properties = {}, additionalProperties = false, anyOf = [], oneOf = [], allOf = [] } = schema;
  return (
    Object.hasOwn(properties, name) ||
    additionalProperties !== false ||
    [...anyOf, ...oneOf, ...allOf].some((form) => takes(form, name))
  );
}

/** Reads a body, or a flat entry, of one type. */
export type FlatReader = (body: unknown) => ArgsReading;

/** @param argsBytesMax the most bytes of JSON of a job's arguments, which are the most that the worker decodes */
export function createFlatReader(type: JobType, argsBytesMax: number): FlatReader {
  const check = createArgsCheck(type, argsBytesMax);
  return (body) => check(body, type.readFlat(body));
}

/** Checks that the schema of a type lacks: options among the arguments, and the size of the arguments. */
export function createArgsCheck(
  type: JobType,
  argsBytesMax: number,
): (given: unknown, reading: ArgsReading) => ArgsReading {
  const findOptions = createOptionFinder(type.body);
  return (given, reading) => {
    const misplaced = findOptions(given);
    if (misplaced.length === 0) return checkSize(reading, argsBytesMax);
    return { success: false, issues: reading.success ? misplaced : [...misplaced, ...reading.issues] };
  };
}

/** The JSON of arguments can be longer than the text of the request: `1e20` becomes 21 digits. */
export function checkSize(reading: ArgsReading, argsBytesMax: number): ArgsReading {
  if (!reading.success || reading.args.jsonBytes + brackets <= argsBytesMax) return reading;
  return { success: false, issues: [{ path: [], message: `must be at most ${argsBytesMax} bytes of JSON` }] };
}

/** The bytes of the array around the arguments. */
const brackets = 2;

/** Finds the options in a body, or in a flat entry, of a type whose bodies have this schema. */
export function createOptionFinder(schema: z.ZodType): (body: unknown) => Issues {
  const argumentsSchema = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as ArgumentsSchema;
  const refused = new Set(options.filter((name) => !takes(argumentsSchema, name)));
  return (body) => {
    if (typeof body !== 'object' || body === null) return none;
    // Looks up the names in the body, because most bodies have two or three.
    for (const name in body) if (refused.has(name)) return issuesOf(body, refused);
    return none;
  };
}

const issuesOf = (body: object, refused: ReadonlySet<string>): Issues =>
  Object.keys(body)
    .filter((name) => refused.has(name))
    .map((name) => ({ path: [name], message }));
