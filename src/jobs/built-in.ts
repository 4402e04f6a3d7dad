// The types that need no file: the arithmetic, which is always there, and definitions that variables turn on.
import type { JobType } from '../domain/job-type.ts';
import { arithmetic } from './arithmetic.ts';
import type { Defined } from './define-job.ts';
import { createHttpRequest } from './http-request/definition.ts';
import type { HttpRequestSettings } from './http-request/delivery.ts';

export const builtInTypes: readonly JobType[] = arithmetic;

/** Plain JSON, because it is sent to handler processes. */
export interface BuiltInSettings {
  /** Undefined: the type does not exist. */
  httpRequest?: HttpRequestSettings | undefined;
}

export const createBuiltInDefinitions = ({ httpRequest }: BuiltInSettings): readonly Defined[] =>
  httpRequest === undefined ? [] : [createHttpRequest(httpRequest)];
