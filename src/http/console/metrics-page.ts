// Reads series from a page of metrics. It reads the page and not the registry, because with several API processes only the page
// has the sum of all (src/supervisor/metrics-page.ts).

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const line = /^(\w+)(?:\{(.*)\})? (\S+)$/;
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;

const unescaped = (text: string): string =>
  text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));

/**
 * Prometheus' text format, version 0.0.4.
 *
 * @returns the series of the metrics with these names; a histogram's are named with their suffix
 */
export function readSeries(page: string, names: ReadonlySet<string>): (name: string) => readonly Series[] {
  const found = new Map<string, Series[]>();
  for (const text of page.split('\n')) {
    const nameEnd = text.search(/[{ ]/);
    const name = text.slice(0, nameEnd);
    if (!names.has(name)) continue;
    const [, , labelsText = '', value] = line.exec(text) ?? [];
    const labels: Record<string, string> = {};
    for (const [, key, escaped] of labelsText.matchAll(label)) labels[key as string] = unescaped(escaped as string);
    const series = found.get(name) ?? [];
    series.push({ labels, value: Number(value) });
    found.set(name, series);
  }
  return (name) => found.get(name) ?? [];
}
