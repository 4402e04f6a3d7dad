// The process itself: what runs, its log, and what prom-client knows of every Node process.
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { addMetric, readOne } from './read.ts';

export interface ProcessMetrics {
  /** Sets the function that is called when the page is read, and never otherwise. The function set last counts. */
  readLostLogLines(read: () => number): void;
}

// These metrics list every open socket by kind. With 3,000 callers a scrape would hold up the process for some milliseconds
// more.
const costlyMetrics = ['handles', 'requests', 'resources'].flatMap((kind) => [
  `nodejs_active_${kind}`,
  `nodejs_active_${kind}_total`,
]);

export function addDefaultMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of costlyMetrics) registry.removeSingleMetric(name);
}

/** @param version of this program, for `work_factory_build_info` */
export function createProcessMetrics(registry: Registry, version: string): ProcessMetrics {
  let lostLogLines: (() => number) | undefined;
  const ofBuild = {
    registry,
    name: 'work_factory_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'node_version'],
    aggregator: 'first' as const,
  };
  const build = [{ labels: { version, node_version: process.versions.node }, value: 1 }];
  addMetric(ofBuild, 'gauge', () => build);
  const ofLines = {
    registry,
    name: 'work_factory_log_lines_lost_total',
    help: 'Lines of the log that could not be written.',
  };
  readOne(ofLines, 'counter', () => lostLogLines?.());
  return { readLostLogLines: (read) => void (lostLogLines = read) };
}
