// The types that need no file: the arithmetic, which is always there, and definitions that the configuration turns on.
import type { JobType } from '../domain/job-type.ts';
import { add } from './add.ts';
import type { Defined } from './define-job.ts';
import { divide } from './divide.ts';
import { createHttpRequest } from './http-request/definition.ts';
import type { HttpRequestSettings } from './http-request/delivery.ts';
import { multiply } from './multiply.ts';
import { subtract } from './subtract.ts';

export const builtInTypes: readonly JobType[] = [add, subtract, multiply, divide];

/** Plain JSON: it crosses to handler processes. */
export interface BuiltInSettings {
  /** Undefined: there is no such type. */
  httpRequest?: HttpRequestSettings | undefined;
}

export const createBuiltInDefinitions = ({ httpRequest }: BuiltInSettings): readonly Defined[] =>
  httpRequest === undefined ? [] : [createHttpRequest(httpRequest)];
