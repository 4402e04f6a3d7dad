// Turns zod's issues into violations for the caller: JSON pointers and sentences, at most 20 of them and a total. Without the
// limit the response to a batch of 10,000 bad entries had 659 KB.
import type { z } from 'zod';
import { AppError } from './errors.ts';
import { cut } from './caller-text.ts';

export interface Violation {
  /** RFC 6901, from the root of the body. */
  pointer: string;
  message: string;
}

export const violationsMax = 20;

type Issue = Pick<z.core.$ZodIssue, 'path' | 'message'> & { code?: string };

// zod's own sentences for a wrong type are about its input, not about the caller's JSON.
const messageOf = (issue: Issue): string =>
  issue.code === 'invalid_type' && issue.path.length === 0 ? 'must be an object' : issue.message;

const escape = (key: PropertyKey): string => String(key).replaceAll('~', '~0').replaceAll('/', '~1');

/** @param prefix the pointer of the value to which the issues belong */
export const toViolations = (issues: readonly Issue[], prefix = ''): Violation[] =>
  issues.slice(0, violationsMax).map((issue) => ({
    pointer: prefix + issue.path.map((key) => `/${cut(escape(key))}`).join(''),
    message: cut(messageOf(issue)),
  }));

/** For example `b must not be zero`. */
export const describeIssues = (issues: readonly Issue[]): string =>
  cut(
    issues
      .slice(0, violationsMax)
      .map((issue) => [...issue.path.map(String), messageOf(issue)].join(' '))
      .join('; '),
  );

/** Fields of a `validation_failed` response. */
export const violationFields = (violations: readonly Violation[], total: number): Record<string, unknown> => ({
  violations: violations.slice(0, violationsMax),
  violations_total: total,
});

/** The failure for a body, or a part of the request, that is not valid. */
export const invalid = (issues: readonly Issue[]): AppError =>
  new AppError('validation_failed', describeIssues(issues), violationFields(toViolations(issues), issues.length));

/** A missing body counts as an empty object. @throws AppError with 422 */
export function readBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(body === undefined ? {} : body);
  if (!success) throw invalid(error.issues);
  return data;
}

/** One violation in a part of the request that is not its body. */
export const invalidPart = (pointer: string, message: string): AppError =>
  new AppError('validation_failed', `${pointer.slice(1)} ${message}`, violationFields([{ pointer, message }], 1));
