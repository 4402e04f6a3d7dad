// Names of options in a body that takes arguments only. Other unknown fields are ignored, as in the guide; an option is
// refused, because who sends one believes that it works: a job with `at` ran at once.
import { z } from 'zod';
import type { invalid } from './violations.ts';

type Issues = Parameters<typeof invalid>[0];

const options = [
  ...['queue', 'at', 'delay_seconds', 'retry', 'reserve_for', 'expires_at', 'expires_in_seconds', 'custom'],
  ...['key', 'unique_for', 'unique_key', 'jobtype'],
  // What other services call theirs.
  ...['delay', 'priority'],
];

const message = 'is no argument here: options go with POST /jobs';
const none: Issues = [];

interface ArgumentsSchema {
  properties?: object;
  additionalProperties?: unknown;
  anyOf?: ArgumentsSchema[];
  oneOf?: ArgumentsSchema[];
  allOf?: ArgumentsSchema[];
}

/** True when a value of this schema may have the field, in one of its forms at least. */
function takes(schema: ArgumentsSchema, name: string): boolean {
  const { properties = {}, additionalProperties = false, anyOf = [], oneOf = [], allOf = [] } = schema;
  return (
    Object.hasOwn(properties, name) ||
    additionalProperties !== false ||
    [...anyOf, ...oneOf, ...allOf].some((form) => takes(form, name))
  );
}

/** Finds the options in a body, or in a flat entry, of a type whose arguments have this schema. */
export function createOptionFinder(schema: z.ZodType): (body: unknown) => Issues {
  const argumentsSchema = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as ArgumentsSchema;
  const refused = new Set(options.filter((name) => !takes(argumentsSchema, name)));
  return (body) => {
    if (typeof body !== 'object' || body === null) return none;
    // One look at each name that came: most bodies have two or three.
    for (const name in body) if (refused.has(name)) return issuesOf(body, refused);
    return none;
  };
}

const issuesOf = (body: object, refused: ReadonlySet<string>): Issues =>
  Object.keys(body)
    .filter((name) => refused.has(name))
    .map((name) => ({ path: [name], message }));
