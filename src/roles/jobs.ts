// The types of job of this process: the built-in ones and the definitions of JOBS_DIR.
import type { Config } from '../config/load.ts';
import type { BuiltInSettings } from '../jobs/built-in.ts';
import { existsSync } from 'node:fs';
import { variables } from '../config/variables.ts';
import { JobsError, loadJobs, type LoadedJobs } from '../jobs/load-jobs.ts';
import { RoleError, type RoleContext } from './role.ts';

export async function openJobs({ config, log }: Pick<RoleContext, 'config' | 'log'>): Promise<LoadedJobs> {
  const jobs = await loadJobs(config.JOBS_DIR, builtInSettings(config)).catch((error: unknown) => {
    throw error instanceof JobsError ? new RoleError(error.message) : error;
  });
  const { definitions, ignored } = jobs;
  if (config.JOBS_DIR !== variables.JOBS_DIR.default && !existsSync(config.JOBS_DIR))
    log.warn({ dir: config.JOBS_DIR }, 'JOBS_DIR does not exist: there are the built-in job types only');
  if (ignored.length > 0)
    log.warn({ files: ignored }, 'files of JOBS_DIR are no definitions of jobs: .js, .mjs or .ts');
  if (definitions.size > 0) log.info({ types: [...definitions.keys()] }, 'job types are declared');
  return jobs;
}

export function builtInSettings(
  config: Pick<Config, 'HTTP_REQUEST_ALLOW' | 'HTTP_REQUEST_SECRET' | 'RESULT_BYTES_MAX'>,
): BuiltInSettings {
  const { HTTP_REQUEST_ALLOW: allow, HTTP_REQUEST_SECRET: secrets = [], RESULT_BYTES_MAX: resultBytesMax } = config;
  return { httpRequest: allow && { allow, secrets, resultBytesMax } };
}
