// The result of compiling a definition: a type, or all its problems.
import type { JobType } from '../domain/job-type.ts';

/** One problem: its field, where it concerns a field, and a sentence. */
export interface DefinitionProblem {
  field: string;
  message: string;
}

export type Compiled = { type: JobType } | { problems: readonly DefinitionProblem[] };
