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

/** @param {ChartOptions} options */
export function createChart({ title, kind, series, format, floor }) {
  const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' });
  for (const y of [0.5, height / 2, height - 0.5])
    svg.append(draw('line', { class: 'grid', x1: 0, x2: width, y1: y, y2: y }));
  const paths = series.map(({ tone }) => draw('path', { class: `${kind} ${tone}` }));
  // The first series is drawn on top.
  svg.append(...[...paths].reverse());
  const cursor = draw('line', { class: 'cursor', y1: 0, y2: height, visibility: 'hidden' });
  svg.append(cursor);
  const scale = make('span', { class: 'scale' });
  const when = make('span', { class: 'when' }, 'now');
  const values = series.map(() => make('b', {}, format(null)));
  const legend = make(
    'ul',
    { class: 'legend' },
    ...series.map(({ name, tone }, index) =>
      make('li', { class: tone }, make('i', { 'aria-hidden': 'true' }), name, values[index]),
    ),
  );
  const plot = make('div', { class: 'plot' }, scale);
  plot.append(svg);
  const caption = make('figcaption', {}, make('span', { class: 'chart-title' }, title), when);
  const element = make('figure', { class: 'panel chart' }, caption, legend, plot);

  /** @type {readonly Point[]} */
  let shown = [];
  /** Where the pointer is, from 0 to 1. @type {number | undefined} */
  let pointer;

  /** @param {number} nowMs */
  function write(nowMs) {
    const wantedMs = pointer === undefined ? nowMs : nowMs - (1 - pointer) * spanMs;
    let point = shown.at(-1);
    if (pointer !== undefined)
      for (const one of shown) if (Math.abs(one.at - wantedMs) < Math.abs((point?.at ?? 0) - wantedMs)) point = one;
    series.forEach(({ key }, index) => setText(/** @type {Node} */ (values[index]), format(point?.[key])));
    setText(when, pointer === undefined || point === undefined ? 'now' : clockTime(new Date(point.at).toISOString()));
    cursor.setAttribute('visibility', pointer === undefined ? 'hidden' : 'visible');
    const x = point === undefined ? 0 : width - ((nowMs - point.at) / spanMs) * width;
    cursor.setAttribute('x1', String(x));
    cursor.setAttribute('x2', String(x));
  }

  plot.addEventListener('pointermove', (event) => {
    const { left, width: pixels } = plot.getBoundingClientRect();
    pointer = Math.min(1, Math.max(0, (event.clientX - left) / pixels));
    write(shown.at(-1)?.at ?? 0);
  });
  plot.addEventListener('pointerleave', () => {
    pointer = undefined;
    write(shown.at(-1)?.at ?? 0);
  });

  /** @param {readonly Point[]} points the oldest first */
  function update(points) {
    const nowMs = points.at(-1)?.at ?? 0;
    shown = points.filter(({ at }) => nowMs - at <= spanMs);
    /** @param {Point} point @param {number} to */
    const sum = (point, to) => series.slice(0, to).reduce((total, { key }) => total + (point[key] ?? 0), 0);
    const tops = shown.map((point) =>
      kind === 'stack' ? sum(point, series.length) : Math.max(...series.map(({ key }) => point[key] ?? 0)),
    );
    const top = roundUp(Math.max(floor, ...tops));
    setText(scale, format(top));
    /** @param {Point} point */
    const x = ({ at }) => (width - ((nowMs - at) / spanMs) * width).toFixed(1);
    /** @param {number} value */
    const y = (value) => (height - 1 - (value / top) * (height - 4)).toFixed(1);
    series.forEach(({ key }, index) => {
      const runs = runsOf(shown, key);
      const lines = runs.map((run) => {
        const upper = run.map((one) => `${x(one)},${y(kind === 'stack' ? sum(one, index + 1) : (one[key] ?? 0))}`);
        if (kind === 'lines') return `M${upper.join('L')}`;
        const lower = run.map((one) => `${x(one)},${y(sum(one, index))}`).reverse();
        return `M${[...upper, ...lower].join('L')}Z`;
      });
      paths[index]?.setAttribute('d', lines.join(''));
    });
    write(nowMs);
    const now = series.map(({ key, name }) => `${name} ${format(shown.at(-1)?.[key])}`).join(', ');
    svg.setAttribute('aria-label', `${title}, the last five minutes. Now: ${now}. Scale to ${format(top)}`);
  }

  update([]);
  return { element, update };
}
