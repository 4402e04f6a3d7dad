// The secrets of a configuration, so that the log can leave them out wherever they turn up.
import type { Config } from './load.ts';
import type { FaktoryAddress } from '../domain/faktory-address.ts';
import { variableNames, variables } from './variables.ts';
import type { Variable } from './values.ts';

/** A shorter one would be found in the middle of innocent words. */
const charsMin = 6;

/** As they may be written in a line: as they are, percent-encoded, and with the escapes of JSON. The longest first. */
export function secretsOf(config: Config): string[] {
  const found = variableNames
    .filter((name) => (variables[name] as Variable).secret)
    .flatMap((name) => secretsIn(config[name]));
  const forms = found
    .filter((secret) => secret.length >= charsMin)
    .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]);
  return [...new Set(forms)].sort((one, other) => other.length - one.length);
}

function secretsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => secretsIn(item));
  if (typeof value === 'object' && value !== null) return secretsIn((value as FaktoryAddress).password);
  if (typeof value !== 'string') return [];
  if (URL.canParse(value)) {
    const { password, username } = new URL(value);
    // A key of the form NAME:KEY can be parsed, too.
    if (password !== '' || value.includes('://')) return [password, username, decodeURIComponent(password)];
  }
  // API_KEYS: NAME:KEY.
  const named = /^[A-Za-z0-9_-]{1,64}:(.+)$/.exec(value);
  return named?.[1] === undefined ? [value] : [value, named[1]];
}
