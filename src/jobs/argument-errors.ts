// Messages for arguments that do not fit, where the author of the schema gave none. zod's own sentences are about its input, not
// about a caller's JSON.
import type { z } from 'zod';

const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  null: 'null',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a string',
  tuple: 'a list',
};

/** For `safeParse`. A message of the schema itself comes first, and zod's message is used where this returns undefined. */
export const describeIssue: z.core.$ZodErrorMap = ({ code, input, expected }) => {
  if (code !== 'invalid_type') return undefined;
  if (input === undefined) return 'is missing';
  const name = typeNames[String(expected)];
  return name && `must be ${name}`;
};
