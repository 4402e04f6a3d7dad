// The overview: numbers, charts, job types, health, workers and connections.
import { createChart } from './chart.js';
import { byId, createRows, keepRoom, make, setText } from './dom.js';
import { ago, count, duration, nothing, rate, toneOfDead } from './format.js';

/** @typedef {import('./chart.js').Point} Point */
/** @typedef {import('./figures.js').Figures} Figures */

const pointsMax = 300;

const charts = [
  createChart({
    title: 'Jobs per second',
    kind: 'lines',
    series: [
      { key: 'enqueued', name: 'enqueued', tone: 'blue' },
      { key: 'processed', name: 'run', tone: 'green' },
    ],
    format: rate,
    floor: 1,
  }),
  createChart({
    title: 'Response to POST /jobs',
    kind: 'lines',
    series: [
      { key: 'p95', name: '95 %', tone: 'violet' },
      { key: 'p50', name: 'median', tone: 'blue' },
    ],
    format: duration,
    floor: 0.005,
  }),
  createChart({
    title: 'Failures per second',
    kind: 'stack',
    series: [
      { key: 'failed', name: 'failed', tone: 'red' },
      { key: 'rejected', name: 'rejected', tone: 'amber' },
      { key: 'refused', name: 'refused', tone: 'violet' },
      { key: 'unknown', name: 'unknown', tone: 'grey' },
    ],
    format: rate,
    floor: 1,
  }),
  createChart({
    title: 'Age of the oldest queued job',
    kind: 'lines',
    series: [{ key: 'latency', name: 'waits', tone: 'amber' }],
    format: duration,
    floor: 1,
  }),
];

/** @type {[string, string, (figures: Figures, point: Point | undefined) => string][]} */
const numbers = [
  ['queued', 'Queued', ({ broker }) => count(broker?.queued)],
  ['working', 'Running', ({ broker }) => count(broker?.working)],
  ['retries', 'To be retried', ({ broker }) => count(broker?.retries)],
  ['dead', 'Dead', ({ broker }) => count(broker?.dead)],
  ['scheduled', 'Scheduled', ({ broker }) => count(broker?.scheduled)],
  ['rate', 'Enqueued / s', (_, point) => rate(point?.['enqueued'])],
  ['p95', 'Response, 95 %', (_, point) => duration(point?.['p95'])],
];

/** @param {HTMLElement} parent */
const createPairs = (parent) =>
  createRows(
    parent,
    (/** @type {[string, string]} */ [name]) => name,
    ([name]) => make('div', {}, make('dt', {}, name), make('dd')),
    (row, [, value]) => setText(/** @type {Node} */ (row.lastChild), value),
  );

/** @param {string} id */
function createPairList(id) {
  const list = byId(id);
  const show = createPairs(list);
  return (/** @type {[string, string][]} */ pairs) => {
    show(pairs);
    keepRoom(list, pairs.length);
  };
}

/** @param {Figures} figures @returns {[string, string][]} */
function workerPairs({ at, worker, broker }) {
  /** @type {[string, string][]} */
  const pairs = [];
  if (broker?.workers != null) pairs.push(['Workers connected', count(broker.workers)]);
  pairs.push(['Jobs that workers have', count(broker?.working)]);
  if (worker === null) return [...pairs, ['Worker in this process', 'none']];
  const { slots, jobs, handlers } = worker;
  pairs.push(['Jobs that can run here at once', count(slots)]);
  pairs.push(['Jobs of your types that run here', count(jobs['running'] ?? 0)]);
  if (handlers['ready'] !== undefined)
    pairs.push([
      'Processes that run them',
      `${handlers['ready']} ready${handlers['starting'] ? `, ${handlers['starting']} starting` : ''}`,
    ]);
  if (worker.last_fetch_at !== null)
    pairs.push(['Broker last asked for a job', ago(new Date(worker.last_fetch_at * 1000).toISOString(), at)]);
  return pairs;
}

/** Of connections to the broker. @type {Readonly<Record<string, string>>} */
const purposes = {
  producer: 'Broker: to enqueue',
  fetch: 'Broker: to fetch jobs',
  report: 'Broker: to report ends',
  beat: 'Broker: signs of life',
};

/** @param {Figures} figures @returns {[string, string][]} */
function connectionPairs({ connections, broker, pending }) {
  const { http, broker: roles } = connections;
  /** @type {[string, string][]} */
  const pairs = [
    [
      'Callers',
      `${count((http['idle'] ?? 0) + (http['receiving'] ?? 0) + (http['answering'] ?? 0))} open, ${count(http['answering'] ?? 0)} waiting`,
    ],
    ['Jobs on their way to the broker', count((pending['waiting'] ?? 0) + (pending['in_flight'] ?? 0))],
  ];
  if (broker?.connections != null) pairs.push(['To the embedded broker', count(broker.connections)]);
  for (const { role, up, states } of roles) {
    const open = (states['idle'] ?? 0) + (states['busy'] ?? 0);
    pairs.push([purposes[role] ?? role, up ? `${count(open)} open, ${count(states['busy'] ?? 0)} busy` : 'away']);
  }
  return pairs;
}

/** @typedef {{ name: string, ok: boolean, reason?: string }} Check */

/** Failed checks come first. @param {Figures['readiness']} readiness @param {Omit<Check, 'name'>} flow @returns {Check[]} */
function checksOf({ checks, worker }, flow) {
  const all = Object.entries({ ...checks, ...(worker && { worker }), flow });
  const named = all.map(([name, check]) => ({ ...check, name: checkNames[name] ?? name }));
  return named.sort((one, other) => Number(one.ok) - Number(other.ok));
}

/** @type {Readonly<Record<string, string>>} */
const checkNames = {
  broker: 'Broker answers',
  accepting: 'Jobs are accepted',
  draining: 'Not about to stop',
  results: 'Store of results answers',
  keys: 'Store of keys answers',
  worker: 'Worker runs jobs',
  flow: 'Queued jobs are run',
};

export function createOverview() {
  /** @type {Point[]} */
  let points = [];
  const values = numbers.map(([key, name]) => {
    const value = make('dd', {}, nothing);
    byId('numbers').append(make('div', { class: `of-${key}` }, make('dt', {}, name), value));
    return value;
  });
  const dead = /** @type {HTMLElement} */ (values[numbers.findIndex(([key]) => key === 'dead')]);
  byId('charts').append(...charts.map(({ element }) => element));

  const showTypes = createRows(
    byId('type-rows'),
    (/** @type {Figures['types'][number]} */ { name }) => name,
    ({ name }) => {
      const cells = [1, 2, 3].map(() => make('td', { class: 'number' }));
      return make('tr', {}, make('th', { scope: 'row' }, name), ...cells);
    },
    (row, { enqueued, succeeded, failed }) =>
      [enqueued, succeeded, failed].forEach((value, index) =>
        setText(/** @type {Node} */ (row.cells[index + 1]), count(value)),
      ),
  );
  const showChecks = createRows(
    byId('checks'),
    (/** @type {Check} */ { name }) => name,
    () => make('li', {}, make('i', { 'aria-hidden': 'true' }), make('span'), make('span', { class: 'quiet' })),
    (row, { name, ok, reason }) => {
      row.dataset['ok'] = String(ok);
      const [, title, detail] = row.children;
      setText(/** @type {Node} */ (title), name);
      setText(/** @type {Node} */ (detail), ok ? 'yes' : (reason ?? 'no'));
    },
  );
  const showWorkers = createPairList('workers');
  const showConnections = createPairList('connections');
  const draw = () => charts.forEach(({ update }) => update(points));

  return {
    /** @param {readonly Point[]} history */
    begin(history) {
      points = [...history];
      draw();
    },
    /** @param {Figures} figures @param {Omit<Check, 'name'>} flow */
    show(figures, flow) {
      if (figures.point) points = [...points, figures.point].slice(-pointsMax);
      draw();
      numbers.forEach(([, , read], index) =>
        setText(/** @type {Node} */ (values[index]), read(figures, figures.point ?? undefined)),
      );
      dead.dataset['tone'] = toneOfDead(figures.broker);
      showTypes(figures.types);
      if (byId('columns').hidden) keepRoom(byId('type-list'), Math.max(3, figures.types.length), 9);
      const checks = checksOf(figures.readiness, flow);
      showChecks(checks);
      keepRoom(byId('checks'), checks.length);
      showWorkers(workerPairs(figures));
      showConnections(connectionPairs(figures));
    },
  };
}
