// Small charts of the last five minutes, drawn as SVG paths: lines, and stacked areas.
import { make, setText } from './dom.js';
import { clockTime } from './format.js';

/** @typedef {Record<string, number | null> & { at: number }} Point */
/** @typedef {{ key: string, name: string, tone: string }} Series */
/**
 * @typedef {object} ChartOptions
 * @property {string} title
 * @property {'lines' | 'stack'} kind
 * @property {readonly Series[]} series
 * @property {(value: number | null | undefined) => string} format
 * @property {number} floor the least that the upper end of the scale is
 */

const svgNamespace = 'http://www.w3.org/2000/svg';
const width = 300;
const height = 72;
const spanMs = 300_000;
/** Between two points that are further apart nobody watched: there is no line. */
const gapMs = 4000;

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 */
function draw(tag, attributes) {
  const element = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** The next of 1, 2, 5, 10, ...: a scale that does not change with every point. @param {number} value */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value * 0.999) ?? 10) * power;
}

/** Runs of points without a gap and without a null. @param {readonly Point[]} points @param {string} key */
function runsOf(points, key) {
  /** @type {Point[][]} */
  const runs = [];
  let lastAt = -Infinity;
  for (const point of points) {
    if (point[key] == null) continue;
    if (point.at - lastAt > gapMs) runs.push([]);
    runs.at(-1)?.push(point);
    lastAt = point.at;
  }
  return runs;
}

/** Where points lie. @param {number} nowMs @param {number} top of the scale */
const scaleOf = (nowMs, top) => ({
  /** @param {Point} point */
  x: ({ at }) => (width - ((nowMs - at) / spanMs) * width).toFixed(1),
  /** @param {number} value */
  y: (value) => (height - 1 - (value / top) * (height - 4)).toFixed(1),
});

/** Of the first series. @param {readonly Series[]} series @param {Point} point @param {number} [first] */
const sum = (series, point, first = series.length) =>
  series.slice(0, first).reduce((total, { key }) => total + (point[key] ?? 0), 0);

/** The text of one series' path. @param {ChartOptions} options @param {number} index @param {readonly Point[]} points @param {ReturnType<typeof scaleOf>} scale */
function pathOf({ kind, series }, index, points, { x, y }) {
  const { key } = /** @type {Series} */ (series[index]);
  return runsOf(points, key)
    .map((run) => {
      if (kind === 'lines') return `M${run.map((one) => `${x(one)},${y(one[key] ?? 0)}`).join('L')}`;
      const upper = run.map((one) => `${x(one)},${y(sum(series, one, index + 1))}`);
      const lower = run.map((one) => `${x(one)},${y(sum(series, one, index))}`).reverse();
      return `M${[...upper, ...lower].join('L')}Z`;
    })
    .join('');
}

/** @param {ChartOptions} options @param {readonly Point[]} points */
function topOf({ kind, series, floor }, points) {
  const tops = points.map((point) =>
    kind === 'stack' ? sum(series, point) : Math.max(...series.map(({ key }) => point[key] ?? 0)),
  );
  return roundUp(Math.max(floor, ...tops));
}

/** @param {ChartOptions} options */
function createParts({ title, kind, series, format }) {
  const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' });
  for (const y of [0.5, height / 2, height - 0.5])
    svg.append(draw('line', { class: 'grid', x1: 0, x2: width, y1: y, y2: y }));
  const paths = series.map(({ tone }) => draw('path', { class: `${kind} ${tone}` }));
  const cursor = draw('line', { class: 'cursor', y1: 0, y2: height, visibility: 'hidden' });
  // The first series is drawn on top.
  svg.append(...[...paths].reverse(), cursor);
  const scale = make('span', { class: 'scale' });
  const when = make('span', { class: 'when' }, 'now');
  const values = series.map(() => make('b', {}, format(null)));
  /** @param {Series} series @param {number} index */
  const entry = ({ name, tone }, index) =>
    make('li', { class: tone }, make('i', { 'aria-hidden': 'true' }), name, values[index]);
  const legend = make('ul', { class: 'legend' }, ...series.map(entry));
  const plot = make('div', { class: 'plot' }, scale, svg);
  const caption = make('figcaption', {}, make('span', { class: 'chart-title' }, title), when);
  const element = make('figure', { class: 'panel chart' }, caption, legend, plot);
  return { element, plot, svg, paths, cursor, scale, when, values };
}

/** The point that is nearest to a time. @param {readonly Point[]} points @param {number} ms */
const nearest = (points, ms) =>
  points.reduce((best, one) => (Math.abs(one.at - ms) < Math.abs(best.at - ms) ? one : best), points[0] ?? { at: 0 });

/** @param {ChartOptions} options */
export function createChart(options) {
  const { title, series, format } = options;
  const { element, plot, svg, paths, cursor, scale, when, values } = createParts(options);
  /** @type {readonly Point[]} */
  let shown = [];
  /** Where the pointer is, from 0 to 1. @type {number | undefined} */
  let pointer;

  function write() {
    const last = shown.at(-1);
    const point = pointer === undefined || !last ? last : nearest(shown, last.at - (1 - pointer) * spanMs);
    series.forEach(({ key }, index) => setText(/** @type {Node} */ (values[index]), format(point?.[key])));
    setText(when, pointer === undefined || !point ? 'now' : clockTime(new Date(point.at).toISOString()));
    cursor.setAttribute('visibility', pointer === undefined ? 'hidden' : 'visible');
    const x = point && last ? scaleOf(last.at, 1).x(point) : '0';
    for (const end of ['x1', 'x2']) cursor.setAttribute(end, x);
  }

  /** @param {number | undefined} place */
  function point(place) {
    pointer = place;
    write();
  }
  plot.addEventListener('pointermove', ({ clientX }) => {
    const { left, width: pixels } = plot.getBoundingClientRect();
    point(Math.min(1, Math.max(0, (clientX - left) / pixels)));
  });
  plot.addEventListener('pointerleave', () => point(undefined));

  /** @param {readonly Point[]} points the oldest first */
  function update(points) {
    const nowMs = points.at(-1)?.at ?? 0;
    shown = points.filter(({ at }) => nowMs - at <= spanMs);
    const top = topOf(options, shown);
    setText(scale, format(top));
    paths.forEach((path, index) => path.setAttribute('d', pathOf(options, index, shown, scaleOf(nowMs, top))));
    write();
    const now = series.map(({ key, name }) => `${name} ${format(shown.at(-1)?.[key])}`).join(', ');
    svg.setAttribute('aria-label', `${title}, the last five minutes. Now: ${now}. Scale to ${format(top)}`);
  }

  update([]);
  return { element, update };
}
