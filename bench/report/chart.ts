// Pictures as plain SVG: bars, each with its value and the span of its rounds, and lines over a logarithmic axis. They bring
// their own ground, so that they can be read on light and on dark pages.
export interface BarChart {
  kind: 'bars';
  /** File name without `.svg`. */
  name: string;
  title: string;
  unit: string;
  bars: readonly { label: string; value: number; min: number; max: number }[];
}

export interface LineChart {
  kind: 'lines';
  name: string;
  title: string;
  xLabel: string;
  /** What stands on the left axis. */
  yLabel: string;
  /** The vertical axis begins at 0 and is linear unless this is set. */
  isLogY?: true;
  lines: readonly { label: string; points: readonly (readonly [x: number, y: number])[] }[];
}

export type Chart = BarChart | LineChart;

const width = 880;
const colours = ['#1f6feb', '#d1242f', '#8250df', '#bf8700', '#1a7f37', '#57606a'];
const ink = '#24292f';

export const drawChart = (chart: Chart): string => (chart.kind === 'bars' ? drawBars(chart) : drawLines(chart));

const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

const text = (x: number, y: number, content: string, attributes = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escape(content)}</text>`;

const short = (value: number): string =>
  value >= 1e6
    ? `${+(value / 1e6).toPrecision(3)}M`
    : value >= 1e4
      ? `${+(value / 1e3).toPrecision(3)}k`
      : `${+value.toPrecision(3)}`;

function frame(height: number, title: string, content: string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="13" fill="${ink}">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="6" fill="#ffffff"/>`,
    text(16, 26, title, 'font-size="15" font-weight="600"'),
    ...content,
    '</svg>',
    '',
  ].join('\n');
}

function drawBars({ title, unit, bars }: BarChart): string {
  const left = 290;
  const right = width - 130;
  const rowHeight = 30;
  const top = 44;
  const most = Math.max(...bars.map(({ max }) => max));
  const x = (value: number): number => left + ((right - left) * value) / most;
  const rows = bars.flatMap(({ label, value, min, max }, index) => {
    const y = top + index * rowHeight;
    const middle = (y + 10).toFixed(1);
    return [
      text(left - 10, y + 15, label, 'text-anchor="end"'),
      `<rect x="${left}" y="${y}" width="${(x(value) - left).toFixed(1)}" height="20" fill="${label.startsWith('this service') ? colours[0] : '#8c959f'}"/>`,
      `<path d="M${x(min).toFixed(1)} ${middle}H${x(max).toFixed(1)}" stroke="${ink}" stroke-width="2"/>`,
      text(Math.max(x(value), x(max)) + 8, y + 15, `${short(value)} ${unit}`),
    ];
  });
  return frame(top + bars.length * rowHeight + 12, title, rows);
}

function drawLines({ title, xLabel, yLabel, isLogY, lines }: LineChart): string {
  const [left, right, top, bottom] = [70, width - 312, 60, 340];
  const points = lines.flatMap((line) => line.points);
  const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
  const ys = points.map(([, y]) => y);
  const ticks = isLogY ? decades(Math.min(...ys), Math.max(...ys)) : steps(Math.max(...ys));
  const [yLeast, yMost] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
  const part = (value: number, least: number, most: number): number =>
    most === least ? 0.5 : (value - least) / (most - least);
  const x = (value: number): number =>
    left + (right - left) * part(Math.log(value), Math.log(xs[0] ?? 1), Math.log(xs.at(-1) ?? 1));
  const y = (value: number): number =>
    bottom -
    (bottom - top) * (isLogY ? part(Math.log(value), Math.log(yLeast), Math.log(yMost)) : part(value, 0, yMost));
  const content = ticks.flatMap((value) => [
    `<path d="M${left} ${y(value).toFixed(1)}H${right}" stroke="#d0d7de"/>`,
    text(left - 8, y(value) + 4, short(value), 'text-anchor="end"'),
  ]);
  content.push(text(16, top - 10, yLabel, 'font-size="12"'));
  content.push(text((left + right) / 2, bottom + 40, xLabel, 'font-size="12" text-anchor="middle"'));
  for (const value of xs) content.push(text(x(value), bottom + 20, short(value), 'text-anchor="middle"'));
  lines.forEach((line, index) => {
    const colour = colours[index % colours.length] ?? ink;
    const path = line.points
      .map(([px, py], at) => `${at === 0 ? 'M' : 'L'}${x(px).toFixed(1)} ${y(py).toFixed(1)}`)
      .join('');
    content.push(`<path d="${path}" fill="none" stroke="${colour}" stroke-width="2.5"/>`);
    for (const [px, py] of line.points)
      content.push(`<circle cx="${x(px).toFixed(1)}" cy="${y(py).toFixed(1)}" r="3.5" fill="${colour}"/>`);
    content.push(`<rect x="${right + 24}" y="${top + index * 24 - 10}" width="12" height="12" fill="${colour}"/>`);
    content.push(text(right + 42, top + index * 24, line.label));
  });
  return frame(bottom + 56, title, content);
}

/** Powers of ten around the values. */
function decades(least: number, most: number): number[] {
  const first = Math.floor(Math.log10(least));
  const last = Math.max(first + 1, Math.ceil(Math.log10(most)));
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}

/** 0 and up to five steps of 1, 2 or 5 times a power of ten. */
function steps(most: number): number[] {
  const power = 10 ** Math.floor(Math.log10(most / 5));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= most / 5) ?? 10);
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step);
}
