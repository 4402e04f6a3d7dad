// Metrics whose values are kept elsewhere and read when the page is read. prom-client's own classes would look each series
// up by the text of its labels; here the library only keeps the list of metrics and writes the page. Relies on prom-client
// 15: a registry asks its metrics by `get`.
import type { Metric, Registry } from 'prom-client';

export interface Described<Label extends string = string> {
  registry: Registry;
  name: string;
  help: string;
  labelNames?: readonly Label[];
  /** How the values of several processes behind one port become one value on their page. */
  aggregator?: 'sum' | 'max' | 'min' | 'first';
}

export interface Value {
  /** Of a histogram: its name with a suffix. */
  metricName?: string;
  labels: Readonly<Record<string, string | number>>;
  value: number;
}

type Kind = 'counter' | 'gauge' | 'histogram';

/** @param read called when the page is read; it may wait, for a short and bounded time */
export function addMetric(of: Described, type: Kind, read: () => readonly Value[] | Promise<readonly Value[]>): void {
  const { registry, name, help, labelNames = [], aggregator = 'sum' } = of;
  const metric = { name, help, type, labelNames, aggregator };
  const get = async (): Promise<object> => ({ ...metric, values: await read() });
  registry.registerMetric({ ...metric, get } as unknown as Metric);
}

const valueOf = (value: number | undefined, labels: Value['labels'] = {}): Value[] =>
  value === undefined ? [] : [{ labels, value }];

/** One series, or none while there is nothing to read. */
export const readOne = (of: Described, type: 'counter' | 'gauge', read: () => number | undefined): void =>
  addMetric(of, type, () => valueOf(read()));

/** A series for each value of one label. */
export function readBy<Label extends string>(
  of: Described<Label> & { labelNames: readonly [Label] },
  type: 'counter' | 'gauge',
  read: () => Readonly<Record<string, number | undefined>> | undefined,
): void {
  const [label] = of.labelNames;
  addMetric(of, type, () => Object.entries(read() ?? {}).flatMap(([key, value]) => valueOf(value, { [label]: key })));
}
