// The settings of this environment and of .env: errors, variables without effect, contradictions.
import { contradictions } from './contradictions.ts';
import { ConfigError, type Config } from '../../config/load.ts';
import { configWarnings } from '../../config/warnings.ts';
import { readEnvironment } from '../../process/environment.ts';
import { localUrl } from '../../process/health-check.ts';
import { RoleError } from '../../roles/role.ts';
import { find, type Finding } from './finding.ts';

export interface Settings {
  /** Undefined when they would stop the start. */
  readonly config: Config | undefined;
  readonly findings: readonly Finding[];
}

/** @param env gets the variables of .env that it lacks */
export function checkSettings(env: NodeJS.ProcessEnv): Settings {
  try {
    const config = readEnvironment(env);
    const warnings = [...configWarnings(env), ...contradictions(config)];
    const findings = warnings.map((text) => find('settings', 'warning', text));
    if (findings.length === 0) findings.push(find('settings', 'ok', 'are accepted, and none contradicts another'));
    return { config, findings };
  } catch (error) {
    if (error instanceof ConfigError) {
      const findings = error.problems.map(({ variable, got, accepts }) =>
        find('settings', 'problem', `${variable}: got ${got}; accepts ${accepts}`),
      );
      return { config: undefined, findings };
    }
    if (error instanceof RoleError)
      return { config: undefined, findings: [find('settings', 'problem', error.message)] };
    throw error;
  }
}

/** The URL at which a caller on this machine reaches the API of these settings. Undefined: it listens at any free port. */
export const urlOf = ({ BIND_ADDR }: Config): string | undefined =>
  BIND_ADDR.port === 0 ? undefined : localUrl(BIND_ADDR);
