// Reads the environment and the file .env of the working directory; the environment wins.
import { readFileSync } from 'node:fs';
import { parse, populate } from 'dotenv';
import { envFileProblems } from '../config/env-file.ts';
import { loadConfig, type Config } from '../config/load.ts';
import { RoleError } from '../roles/role.ts';

/** Throws a ConfigError or a RoleError. Adds to `env` the variables of .env that it lacks. */
export const readEnvironment = (env: NodeJS.ProcessEnv): Config => readEnvironmentAndFile(env).config;

/** `fromFile` has the names of the variables that .env added. */
export function readEnvironmentAndFile(env: NodeJS.ProcessEnv): { config: Config; fromFile: readonly string[] } {
  const text = readEnvFile();
  const problems = envFileProblems(text).filter(({ variable }) => env[variable] === undefined);
  const variables = parse(text);
  const fromFile = Object.keys(variables).filter((name) => env[name] === undefined);
  populate(env, variables);
  return { config: loadConfig(env, problems), fromFile };
}

function readEnvFile(): string {
  try {
    const text = readFileSync('.env', 'utf8');
    if (text.includes('\0')) throw new Error('it is not UTF-8');
    return text;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    throw new RoleError(`.env cannot be read: ${message}`);
  }
}
