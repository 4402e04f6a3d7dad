// The types that are always there.
import type { JobType } from '../domain/job-type.ts';
import { add } from './add.ts';
import { divide } from './divide.ts';
import { multiply } from './multiply.ts';
import { subtract } from './subtract.ts';

export const builtInTypes: readonly JobType[] = [add, subtract, multiply, divide];
