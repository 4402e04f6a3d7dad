// Makes a type of job from a definition as its author wrote it. It finds all problems of the definition at once, before anything
// starts.
import { z } from 'zod';
import {
  jobtypePattern,
  reserveMarginSeconds,
  type ArgsReading,
  type Issues,
  type JobType,
} from '../domain/job-type.ts';
import { encodeJson, isObject } from '../domain/json-structure.ts';
import { queueNameProblem } from '../domain/queue-name.ts';
import { requestId } from '../domain/request-id.ts';
import { describeIssue } from './argument-errors.ts';
import type { Compiled, DefinitionProblem } from './compiled.ts';
import { readCron, scheduleType } from './read-cron.ts';
import { findAsynchronousCheck } from './schema-checks.ts';

/** The routes use these names themselves. */
const reservedNames: ReadonlySet<string> = new Set(['batch', 'stream']);
const reservedArguments: ReadonlySet<string> = new Set(['args', 'jobtype', 'operation', 'request_id']);

/** The mark of a schema of zod 4, whichever copy of zod made it. */
const isSchema = (value: unknown): value is z.ZodType =>
  typeof value === 'object' && value !== null && '_zod' in value && 'safeParse' in value;

const schema = z.custom<z.ZodType>(isSchema, 'must be a schema of zod 4, for example z.object({ width: z.int() })');

const definitionSchema = z.strictObject({
  name: z
    .string('must be a text')
    .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be a small letter, then up to 63 of a-z 0-9 _')
    .refine((name) => !reservedNames.has(name), 'is the name of a route'),
  jobtype: z
    .string('must be a text')
    .regex(jobtypePattern, 'must be 1 to 200 characters without control characters')
    .optional(),
  queue: z
    .string('must be a text')
    .check(({ value, issues }) => {
      const message = queueNameProblem(value);
      if (message !== undefined) issues.push({ code: 'custom', message, input: value });
    })
    .default('default'),
  retry: z.int('must be a whole number').min(-1, 'must be at least -1').max(1000, 'must be at most 1000').default(25),
  reserveFor: z
    .int('must be a whole number of seconds')
    .min(60, 'must be at least 60 s: Faktory knows no less')
    .max(86_400, 'must be at most 86,400 s: Faktory knows no more')
    .default(60),
  args: schema,
  result: schema.optional(),
  timeoutSeconds: z.number('must be a number of seconds').positive('must be above 0').optional(),
  compress: z.boolean('must be true or false').default(false),
  ownSlots: z.boolean('must be true or false').default(false),
  cron: z.unknown().optional(),
  run: z
    .custom<(...args: unknown[]) => unknown>((value) => typeof value === 'function', 'must be a function')
    .optional(),
  examples: z
    .array(
      z.strictObject({ args: z.unknown(), result: z.unknown().optional() }, 'must be an object with args'),
      'must be a list',
    )
    .default([]),
});

type ParsedDefinition = z.output<typeof definitionSchema>;

export function compileDefinition(definition: unknown): Compiled {
  const cron = readCron((definition as { cron?: unknown } | null)?.cron);
  const parsed = definitionSchema.safeParse(definition);
  if (!parsed.success) return { problems: [...parsed.error.issues.map(toProblem), ...cron.problems] };
  const { data } = parsed;
  const problems = [
    ...cron.problems,
    ...problemsOfTimes(data),
    ...problemsOfArgs(data.args),
    ...(data.result ? problemsOfSchema('result', data.result) : []),
  ];
  if (problems.length === 0) problems.push(...problemsOfExamples(data));
  return problems.length > 0 ? { problems } : scheduleType(cron, createType(data));
}

const toProblem = (issue: z.core.$ZodIssue): DefinitionProblem =>
  issue.code === 'unrecognized_keys'
    ? { field: issue.keys.join(', '), message: 'is no field of a definition' }
    : { field: issue.path.map(String).join('.'), message: issue.message };

function problemsOfTimes({ reserveFor, timeoutSeconds }: ParsedDefinition): DefinitionProblem[] {
  const max = reserveFor - reserveMarginSeconds;
  if (timeoutSeconds === undefined || timeoutSeconds <= max) return [];
  return [{ field: 'timeoutSeconds', message: `must be at most reserveFor - ${reserveMarginSeconds}, here ${max}` }];
}

interface ArgsShape {
  type?: string;
  properties?: Record<string, unknown>;
  anyOf?: ArgsShape[];
  oneOf?: ArgsShape[];
  allOf?: ArgsShape[];
}

const toJsonSchema = (given: z.ZodType): ArgsShape => z.toJSONSchema(given, { io: 'output' }) as ArgsShape;

function problemsOfSchema(field: string, given: z.ZodType): DefinitionProblem[] {
  try {
    toJsonSchema(given);
  } catch (error) {
    const reason = (error as Error).message;
    return [{ field, message: `cannot be expressed as JSON Schema (${reason}): use what JSON itself can hold` }];
  }
  return findAsynchronousCheck(given)
    ? [{ field, message: 'has an asynchronous check: do in `run` what has to wait' }]
    : [];
}

function problemsOfArgs(args: z.ZodType): DefinitionProblem[] {
  const problems = problemsOfSchema('args', args);
  if (problems.length > 0) return problems;
  const shape = toJsonSchema(args);
  if (!isOfType(shape, 'object') && !isOfType(shape, 'array'))
    return [{ field: 'args', message: 'must be an object or a tuple' }];
  return argumentNames(shape)
    .filter((name) => reservedArguments.has(name))
    .map((name) => ({ field: `args.${name}`, message: 'has a name that the flat form of a job uses itself' }));
}

const partsOf = ({ anyOf, oneOf, allOf }: ArgsShape): ArgsShape[] | undefined => anyOf ?? oneOf ?? allOf;

const isOfType = (shape: ArgsShape, type: string): boolean =>
  shape.type === undefined ? (partsOf(shape)?.every((part) => isOfType(part, type)) ?? false) : shape.type === type;

const argumentNames = (shape: ArgsShape): string[] => [
  ...Object.keys(shape.properties ?? {}),
  ...(partsOf(shape)?.flatMap(argumentNames) ?? []),
];

function problemsOfExamples({ args, result, examples }: ParsedDefinition): DefinitionProblem[] {
  return examples.flatMap((example, index) => {
    const checks = [
      { field: `examples.${index}.args`, schema: args, value: example.args },
      ...(result && 'result' in example
        ? [{ field: `examples.${index}.result`, schema: result, value: example.result }]
        : []),
    ];
    return checks.flatMap(({ field, schema: wanted, value }) => {
      const parsed = wanted.safeParse(value);
      if (parsed.success) return [];
      return parsed.error.issues.map(({ path, message }) => ({
        field: [field, ...path].map(String).join('.'),
        message,
      }));
    });
  });
}

function createType(definition: ParsedDefinition): JobType {
  const { name, args, examples } = definition;
  const isTuple = isOfType(toJsonSchema(args), 'array');
  const dropsUnknown = dropsUnknownFields(args);
  const readArgs = (given: unknown, id: unknown): ArgsReading => read(args, isTuple, given, id);
  return {
    name,
    jobtype: definition.jobtype ?? name,
    queue: definition.queue,
    retry: definition.retry,
    reserveForSeconds: definition.reserveFor,
    args,
    isTuple,
    body: isTuple
      ? z.object({ args, request_id: requestId })
      : z.intersection(args, z.object({ request_id: requestId })),
    bodyExamples: examples.map((example) => (isTuple ? { args: example.args } : example.args)),
    result: definition.result,
    timeoutSeconds: definition.timeoutSeconds,
    compress: definition.compress,
    ownSlots: definition.ownSlots,
    runs: definition.run === undefined ? 'elsewhere' : 'in handler process',
    examples,
    readFlat(body) {
      if (!isObject(body)) return { success: false, issues: [{ path: [], message: 'must be an object' }] };
      const id = body['request_id'];
      if (isTuple) return readArgs(body['args'], id);
      return readArgs(dropsUnknown ? body : argumentsIn(body), id);
    },
    readArgs,
    describe: (_args, at) => (at === undefined ? `Job enqueued: ${name}` : `Job scheduled for ${at}: ${name}`),
  };
}

/** True for most schemas. For them the other fields of a body need not be removed, which would cost as much as the check. */
function dropsUnknownFields({ _zod: { def } }: z.ZodType): boolean {
  return def.type === 'object' && (def as z.core.$ZodObjectDef).catchall === undefined;
}

/** `args` is a field of a tuple's body only. An argument of that name is refused at the start. */
function argumentsIn({
  operation: _operation,
  request_id: _id,
  args: _list,
  ...fields
}: Record<string, unknown>): object {
  return fields;
}

const readOptions = { error: describeIssue };

function read(schema: z.ZodType, isTuple: boolean, given: unknown, id: unknown): ArgsReading {
  const checked = check(schema, given);
  const issues = 'issues' in checked ? checked.issues : [];
  const correlation = id === undefined ? undefined : requestId.safeParse(id);
  if (correlation?.success === false) {
    const wrong = correlation.error.issues.map((issue) => ({ ...issue, path: ['request_id', ...issue.path] }));
    return { success: false, issues: [...issues, ...wrong] };
  }
  if ('issues' in checked) return { success: false, issues };
  const encoded = encodeJson(checked.value);
  if ('problem' in encoded) return { success: false, issues: [{ path: [], message: encoded.problem }] };
  const json = isTuple ? encoded.json.slice(1, -1) : encoded.json;
  const requestIdGiven = correlation?.data ?? undefined;
  return {
    success: true,
    args: { value: checked.value, json, jsonBytes: Buffer.byteLength(json), requestId: requestIdGiven },
  };
}

/** When a check of the schema's author throws, the other entries of a batch must still get their outcome. */
function check(schema: z.ZodType, given: unknown): { value: unknown } | { issues: Issues } {
  try {
    const parsed = schema.safeParse(given);
    if (parsed.success) return { value: parsed.data };
    // Checked again, this time with our own messages, which would make every check slower.
    return { issues: schema.safeParse(given, readOptions).error?.issues ?? parsed.error.issues };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { issues: [{ path: [], message: `cannot be checked: ${reason}` }] };
  }
}
