// Numbers, times and JSON as people read them.

const whole = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
export const nothing = '–';

/** @param {number | null | undefined} value */
export const count = (value) =>
  value == null || !Number.isFinite(value) ? nothing : value < 100_000 ? whole.format(value) : compact.format(value);

/** Nobody runs dead jobs again but an operator. @param {{ dead: number } | null} broker */
export const toneOfDead = (broker) => (broker !== null && broker.dead > 0 ? 'warn' : '');

/** @param {number | null | undefined} value a second */
export function rate(value) {
  if (value == null) return nothing;
  if (value === 0) return '0';
  return value < 10 ? value.toFixed(1) : count(Math.round(value));
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return nothing;
  if (seconds === 0) return '0 s';
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** @param {string | undefined} time RFC 3339 */
export function ago(time, nowMs = Date.now()) {
  const ms = Date.parse(time ?? '');
  if (Number.isNaN(ms)) return '';
  const seconds = (nowMs - ms) / 1000;
  if (Math.abs(seconds) < 1) return 'now';
  const away = duration(Math.floor(Math.abs(seconds)));
  return seconds < 0 ? `in ${away}` : `${away} ago`;
}

/** @param {string | undefined} time RFC 3339 */
export function moment(time) {
  const date = new Date(time ?? NaN);
  return Number.isNaN(date.getTime()) ? '' : `${date.toLocaleString('en-GB')}, ${ago(time)}`;
}

/** @param {string | undefined} time RFC 3339 */
export function clockTime(time) {
  const date = new Date(time ?? NaN);
  return Number.isNaN(date.getTime()) ? '' : date.toLocaleTimeString('en-GB');
}

/**
 * @param {unknown} value
 * @param {number} [charsMax]
 */
export function json(value, charsMax = 2000) {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > charsMax ? `${text.slice(0, charsMax)}… (${whole.format(text.length)} characters)` : text;
}
