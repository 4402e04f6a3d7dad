// `.env.example` against the schema, and each profile as docker compose reads it: complete, valid, the contract's values.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'dotenv';
import { loadConfig, type Config } from '../src/config/load.ts';
import { variableNames, variables, type VariableName } from '../src/config/variables.ts';
import { pathOf } from './helpers/paths.ts';

const read = (path: string): string => readFileSync(pathOf(path), 'utf8');

const assignments = (text: string): string[] =>
  [...text.matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map((match) => match[1] ?? '');

/** The variables that a compose file asks its environment for. */
const interpolated = (path: string): Set<string> =>
  new Set([...read(path).matchAll(/(?<!\$)\$\{([A-Z][A-Z0-9_]*)/g)].map((match) => match[1] ?? ''));

const profiles = ['local', 'lan', 'wan'] as const;

/** What docker-compose.yml sets itself; a profile that set it too would be contradicted or would break the containers. */
const setByCompose: readonly VariableName[] = ['FAKTORY_URL', 'FAKTORY_DURABILITY', 'BIND_ADDR', 'METRICS_ADDR'];

test('.env.example lists every variable of the schema once, in its order', () => {
  assert.deepEqual(assignments(read('.env.example')), variableNames);
});

test('.env.example gives each variable its default', () => {
  const example = parse(read('.env.example'));
  for (const name of variableNames) {
    assert.equal(example[name], 'default' in variables[name] ? variables[name].default : '', name);
  }
});

test('.env.example copied as it is changes nothing', () => {
  assert.deepEqual(loadConfig(parse(read('.env.example'))), loadConfig({}));
});

test('.env.example explains each variable with its reason, its unit and its default', () => {
  const paragraphs = read('.env.example').split('\n\n');
  for (const name of variableNames) {
    const paragraph = paragraphs.find((text) => text.includes(`\n${name}=`)) ?? '';
    const comment = paragraph
      .split('\n')
      .filter((line) => line.startsWith('# '))
      .map((line) => line.slice(2))
      .join(' ');
    const variable = variables[name];
    const value = 'default' in variable ? variable.default : 'unset';
    assert.equal(comment, `${variable.reason} Unit: ${variable.unit}. Default: ${value}.`);
  }
});

for (const profile of profiles) {
  const text = read(`.env.${profile}`);

  test(`profile ${profile} sets every variable once that compose does not set itself, and every one that compose asks for`, () => {
    const ofTheProgram = variableNames.filter((name) => !setByCompose.includes(name));
    const ofCompose = [...interpolated('docker-compose.yml'), ...interpolated('docker-compose.worker.yml')];
    assert.ok(ofCompose.includes('API_PORT'), 'the compose files were read');
    assert.deepEqual(assignments(text).sort(), [...new Set([...ofTheProgram, ...ofCompose])].sort());
  });

  test(`profile ${profile} is accepted with the FAKTORY_URL that compose makes of its password`, () => {
    const env = parse(text);
    const config = loadConfig({ ...env, FAKTORY_URL: `tcp://:${env['FAKTORY_PASSWORD']}@faktory:7419` });
    assert.equal(config.FAKTORY_URL?.password, env['FAKTORY_PASSWORD']);
  });

  test(`profile ${profile} publishes the broker and the API on this machine only`, () => {
    const env = parse(text);
    assert.equal(env['API_HOST'], '127.0.0.1');
    assert.equal(env['BROKER_HOST'], '127.0.0.1');
  });

  test(`profile ${profile} has only values that docker compose and a shell read alike`, () => {
    for (const [name, value] of Object.entries(parse(text))) assert.match(value, /^[\w.,:/@%~-]*$/, name);
  });
}

/** What distance changes; everything else has its default in every profile. */
const differences: Record<(typeof profiles)[number], Partial<Config>> = {
  local: {},
  lan: { FAKTORY_KEEPALIVE_DELAY_MS: 30_000 },
  wan: {
    FAKTORY_MAX_CONNECTIONS: 20,
    FAKTORY_CONNECTION_TIMEOUT: 8,
    FAKTORY_READ_TIMEOUT: 12,
    FAKTORY_WRITE_TIMEOUT: 10,
    FAKTORY_ACQUIRE_TIMEOUT_MS: 9000,
    ENQUEUE_TIMEOUT_MS: 22_000,
    FAKTORY_KEEPALIVE_DELAY_MS: 10_000,
    WORKER_CONCURRENCY: 200,
  },
};

for (const profile of profiles) {
  test(`profile ${profile} differs from the defaults exactly where distance asks for it`, () => {
    const { FAKTORY_PASSWORD, ...config } = loadConfig(parse(read(`.env.${profile}`)));
    assert.deepEqual(config, { ...loadConfig({}), ...differences[profile] });
    assert.equal(FAKTORY_PASSWORD, 'development-only');
  });

  test(`profile ${profile} gives the default and a reason above each value that differs from it`, () => {
    const explained = [...read(`.env.${profile}`).matchAll(/^# Default (\S+): .+\.\n([A-Z_]+)=/gm)].map((match) => [
      match[2],
      match[1],
    ]);
    const expected = Object.keys(differences[profile]).map((name) => [name, parse(read('.env.example'))[name]]);
    assert.deepEqual(explained.sort(), expected.sort());
  });
}
