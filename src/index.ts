// What `import ... from 'work-factory'` gives to the author of a job.
export { z } from 'zod';
export { defineJob, PermanentError } from './jobs/define-job.ts';
export type { JobContext, JobDefinition, JobLogger } from './jobs/define-job.ts';
