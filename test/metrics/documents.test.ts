// docs/metrics.md lists every metric as it is registered. UPDATE_DOCS=1 writes the tables anew.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { it } from 'node:test';
import { Registry } from 'prom-client';
import { createBackupMetrics } from '../../src/metrics/backups.ts';
import { createBrokerMetrics } from '../../src/metrics/broker.ts';
import { createFaktoryMetrics } from '../../src/metrics/faktory.ts';
import { createHttpMetrics } from '../../src/metrics/http.ts';
import { createJobMetrics } from '../../src/metrics/jobs.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createNames } from '../../src/metrics/names.ts';
import { createProcessMetrics } from '../../src/metrics/process.ts';
import { createStoreMetrics } from '../../src/metrics/stores.ts';
import { createWorkerMetrics } from '../../src/metrics/worker.ts';
import { pathOf } from '../helpers/paths.ts';

const names = createNames();
const parts: readonly (readonly [string, (registry: Registry) => unknown])[] = [
  ['HTTP: processes with the API', createHttpMetrics],
  ['Jobs, admission and group commit: processes with the API', (registry) => createJobMetrics(registry, names)],
  ['Connections to the broker: API and worker', createFaktoryMetrics],
  ['Stores of results and keys: API and worker', createStoreMetrics],
  ['Workers and their handler processes: worker', (registry) => createWorkerMetrics(registry, names)],
  ['What the broker holds: processes with the API, and broker', (registry) => createBrokerMetrics(registry, names)],
  ['Copies: the all-in-one with BACKUP_DIR', createBackupMetrics],
  ['Every process', (registry) => createProcessMetrics(registry, '1')],
];

interface Listed {
  name: string;
  help: string;
  type: string;
  labelNames?: readonly string[];
}

function listOf(create: (registry: Registry) => unknown): Listed[] {
  const registry = new Registry();
  create(registry);
  return registry.getMetricsAsArray() as unknown as Listed[];
}

const rowOf = ({ name, help, type, labelNames = [] }: Listed): string =>
  `| \`${name}\` | ${type} | ${labelNames.join(', ')} | ${help} |`;

it('docs/metrics.md lists every metric of this program with its type, labels and meaning', async () => {
  const listed = parts.map(([title, create]) => ({ title, metrics: listOf(create) }));
  const own = new Set(listed.flatMap(({ metrics }) => metrics.map(({ name }) => name)));
  const page = await createMetrics('1').render();
  const served = [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name as string);
  assert.deepEqual(
    served.filter((name) => !/^(process|nodejs)_/.test(name)).sort(),
    [...own].sort(),
    'a part is missing here',
  );

  const tables = listed.map(({ title, metrics }) =>
    [`### ${title}`, '', '| Metric | Type | Labels | |', '| --- | --- | --- | --- |', ...metrics.map(rowOf)].join('\n'),
  );
  const path = pathOf('docs/metrics.md');
  const text = readFileSync(path, 'utf8');
  const updated = text.replace(
    /(<!-- metrics -->\n)[^]*?(<!-- \/metrics -->)/,
    (_, before: string, after: string) => `${before}\n${tables.join('\n\n')}\n\n${after}`,
  );
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, updated);
  else assert.equal(text, updated, 'run UPDATE_DOCS=1 npm test metrics');
});
