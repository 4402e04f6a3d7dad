// The dashboard and the alert rules of monitoring/: every expression names metrics and labels that exist, every alert has its
// runbook, and promtool (of Debian's package prometheus) runs the tests of the rules.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { createBackupMetrics } from '../src/metrics/backups.ts';
import { createBrokerMetrics } from '../src/metrics/broker.ts';
import { createFaktoryMetrics } from '../src/metrics/faktory.ts';
import { createHttpMetrics } from '../src/metrics/http.ts';
import { createJobMetrics } from '../src/metrics/jobs.ts';
import { createNames } from '../src/metrics/names.ts';
import { addDefaultMetrics, createProcessMetrics } from '../src/metrics/process.ts';
import { createStoreMetrics } from '../src/metrics/stores.ts';
import { createWorkerMetrics } from '../src/metrics/worker.ts';
import { promtoolPath } from './helpers/real-parts.ts';
import { pathOf } from './helpers/paths.ts';

const read = (path: string): string => readFileSync(pathOf(path), 'utf8');

interface Registered {
  name: string;
  type: string;
  labelNames?: readonly string[];
}

function registered(): Registered[] {
  const registry = new Registry();
  const names = createNames();
  addDefaultMetrics(registry);
  createHttpMetrics(registry);
  createJobMetrics(registry, names);
  createFaktoryMetrics(registry);
  createStoreMetrics(registry);
  createWorkerMetrics(registry, names);
  createBrokerMetrics(registry, names);
  createBackupMetrics(registry);
  createProcessMetrics(registry, '1');
  return registry.getMetricsAsArray() as unknown as Registered[];
}

/** What Prometheus itself adds to every series, and to those of a histogram. */
const addedLabels = ['job', 'instance', 'le'];

/** Labels by name of series. */
const series = new Map<string, readonly string[]>([['up', []]]);
for (const { name, type, labelNames = [] } of registered())
  for (const suffix of type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''])
    series.set(name + suffix, labelNames);

const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset']);

/** What is wrong with an expression of PromQL, in the parts of it that are used here. */
function problemsOf(expression: string): string[] {
  const problems: string[] = [];
  const withoutTexts = expression.replace(/"[^"]*"/g, '""');
  const grouped = [...withoutTexts.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, names]) =>
    (names as string).split(','),
  );
  const bare = withoutTexts.replace(/\b(?:by|on)\s*\([^)]*\)/g, ' ').replace(/\[[^\]]*\]/g, ' ');
  const found = [...bare.matchAll(/([a-zA-Z_:][\w:]*)\s*(\(|\{[^}]*\})?/g)];
  const inExpression: string[] = [];
  for (const [, name = '', what = ''] of found) {
    if (what === '(' || keywords.has(name)) continue;
    const labels = series.get(name);
    if (labels === undefined) {
      problems.push(`there is no metric ${name}`);
      continue;
    }
    inExpression.push(...labels);
    for (const [, label] of what.matchAll(/([a-zA-Z_]\w*)\s*(?:=|!)/g))
      if (![...labels, ...addedLabels].includes(label as string)) problems.push(`${name} has no label ${label}`);
  }
  if (inExpression.length === 0 && found.length === 0) problems.push('it names no metric');
  for (const label of grouped.map((name) => name.trim()))
    if (![...inExpression, ...addedLabels].includes(label)) problems.push(`no metric of it has the label ${label}`);
  return problems;
}

interface Alert {
  name: string;
  expression: string;
  runbook: string | undefined;
}

const alerts: Alert[] = read('monitoring/alerts.yml')
  .split(/^ +- alert: /m)
  .slice(1)
  .map((block) => {
    const [, folded, inline = ''] =
      /^ +expr: (?:>-\n((?: {10}.*\n)+)|(.+)\n)/m.exec(block) ?? assert.fail(`no expr: ${block}`);
    return {
      name: /^\w+/.exec(block)?.[0] ?? '',
      expression: (folded ?? inline).replace(/\s+/g, ' ').trim(),
      runbook: /^ +runbook: (\S+)$/m.exec(block)?.[1],
    };
  });

interface Panel {
  type: string;
  title: string;
  datasource?: { uid: string };
  targets?: { expr: string }[];
}

const dashboard = JSON.parse(read('monitoring/grafana/dashboards/work-factory.json')) as {
  panels: Panel[];
  templating: { list: { query: { query: string } }[] };
};

const promtool = promtoolPath();
const noPromtool = promtool === undefined && 'promtool is missing';

function runPromtool(...args: string[]): void {
  const options = { cwd: pathOf('monitoring'), encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(promtool as string, args, options);
  assert.equal(status, 0, stdout + stderr);
}

describe('the check of expressions', () => {
  it('sees metrics and labels that do not exist', () => {
    assert.deepEqual(problemsOf('sum by (operation) (rate(work_factory_jobs_total{outcome="unknown"}[5m])) > 0'), []);
    assert.deepEqual(problemsOf('rate(work_factory_no_such_total[5m])'), [
      'there is no metric work_factory_no_such_total',
    ]);
    assert.deepEqual(problemsOf('work_factory_draining{queue="x"}'), ['work_factory_draining has no label queue']);
    assert.deepEqual(problemsOf('sum by (queue) (work_factory_draining)'), ['no metric of it has the label queue']);
    // The sum of a histogram, without a suffix, is no series.
    assert.equal(problemsOf('work_factory_frame_wait_seconds').length, 1);
  });
});

describe('the alerts', () => {
  it('name metrics and labels that exist', () => {
    assert.ok(alerts.length > 15, 'no alerts found');
    for (const { name, expression } of alerts) assert.deepEqual(problemsOf(expression), [], `${name}: ${expression}`);
  });

  it('each link to their heading in the runbooks, and every heading is of an alert', () => {
    const headings = [...read('docs/runbooks.md').matchAll(/^## (\w+)$/gm)].map(([, heading]) => heading as string);
    assert.deepEqual(
      headings,
      alerts.map(({ name }) => name),
    );
    for (const { name, runbook } of alerts) assert.equal(runbook, `docs/runbooks.md#${name.toLowerCase()}`);
  });

  it('have runbooks that quote texts as the program says them', () => {
    const notOurs = /^(curl|docker|kill|nc|df|ulimit|iostat|work-factory|[A-Z]+|appendfsync|dial|cannot add) /;
    const quotes = [...read('docs/runbooks.md').matchAll(/`([^`\n]+)`/g)]
      .map(([, quote]) => quote as string)
      .filter((quote) => quote.includes(' ') && !notOurs.test(quote));
    assert.ok(quotes.length > 15, 'no texts found');
    const sources = readdirSync(pathOf('src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const texts = sources.map((file) => read(join('src', file))).join('\n');
    assert.deepEqual(
      quotes.filter((quote) => !texts.includes(quote)),
      [],
    );
  });

  it('are accepted by promtool, and pass their own tests', { skip: noPromtool }, () => {
    runPromtool('check', 'config', 'prometheus.yml');
    runPromtool('check', 'rules', 'alerts.yml');
    runPromtool('test', 'rules', 'alerts.test.yml');
  });
});

describe('the dashboard', () => {
  const targets = dashboard.panels.flatMap(({ title, targets: all = [] }) => all.map(({ expr }) => ({ title, expr })));

  it('names metrics and labels that exist', () => {
    assert.ok(targets.length > 40, 'no expressions found');
    for (const { title, expr } of targets) assert.deepEqual(problemsOf(expr), [], `${title}: ${expr}`);
    for (const { query } of dashboard.templating.list)
      assert.deepEqual(problemsOf(query.query.replace(/^label_values\((.*), \w+\)$/, '$1')), []);
  });

  it('has expressions that promtool accepts', { skip: noPromtool }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'rules-'));
    t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
    const rules = targets.map(({ expr }, index) => ({
      record: `panel_${index}`,
      expr: expr.replaceAll('$__rate_interval', '1m'),
    }));
    // JSON is YAML.
    writeFileSync(join(folder, 'panels.yml'), JSON.stringify({ groups: [{ name: 'panels', rules }] }));
    runPromtool('check', 'rules', join(folder, 'panels.yml'));
  });

  it('reads from the data source that is provisioned', () => {
    const uid = /^ +uid: (\w+)$/m.exec(read('monitoring/grafana/provisioning/datasources/prometheus.yml'))?.[1];
    const used = new Set(dashboard.panels.flatMap(({ datasource }) => datasource?.uid ?? []));
    assert.deepEqual([...used], [uid]);
  });
});
