// What a definition is compiled to: a type, or all that is wrong with it.
import type { JobType } from '../domain/job-type.ts';

/** One thing that is wrong: the field, where it is about one, and a sentence. */
export interface DefinitionProblem {
  field: string;
  message: string;
}

export type Compiled = { type: JobType } | { problems: readonly DefinitionProblem[] };
