// The results of the jobs that were enqueued here, as they arrive.
import { get, messageOf, Problem } from './api.js';
import { byId, make, setText } from './dom.js';
import { duration, json } from './format.js';

/** Rows, and so jobs that are waited for; of a larger batch the first ones. */
const rowsMax = 200;
/** A browser has six connections to one service; the figures have one of them. */
const waitersMax = 2;
/** A first attempt that fails is shown soon; the response that is held tells the end only. */
const firstWaitSeconds = 1;
const waitSeconds = 20;
const patienceMs = 600_000;
const retryMs = 2000;
/** Characters that fit a row. */
const lineCharsMax = 300;
const resultCharsMax = 100_000;

const ended = new Set(['succeeded', 'failed', 'cancelled', 'expired']);

/** @typedef {{ id: string, operation: string, startedMs: number, isNew: boolean, row: ReturnType<typeof createRow> }} Watched */

/** @type {Watched[]} */
const waiting = [];
let waiters = 0;

/**
 * A row as high as it will ever be, until it is opened.
 *
 * @param {string} title
 */
function createRow(title) {
  const parts = {
    state: make('span', { class: 'state' }),
    took: make('span', { class: 'took number' }),
    said: make('span', { class: 'said' }),
    whole: make('pre', { tabindex: '0', 'aria-label': 'The whole result' }),
  };
  const summary = make('summary', {}, make('span', { class: 'id' }, title), parts.state, parts.took, parts.said);
  return { element: make('li', {}, make('details', {}, summary, parts.whole)), ...parts };
}

/** @param {ReturnType<typeof createRow>} row @param {string} state @param {string} text @param {string} took */
function write(row, state, text, took) {
  row.element.dataset['state'] = state;
  setText(row.state, state);
  setText(row.took, took);
  setText(row.said, text.slice(0, lineCharsMax));
  setText(row.whole, text);
}

/** @param {Watched} job @param {string} state @param {string} text */
function show({ row, startedMs }, state, text) {
  write(row, state, text, ended.has(state) ? duration((performance.now() - startedMs) / 1000) : '');
}

/** @param {Record<string, unknown>} record */
const textOf = ({ state, result, error, errtype, attempts, at }) =>
  error !== undefined
    ? `${state === 'pending' ? `attempt ${attempts} failed, to be retried: ` : ''}${json([errtype, error].filter((part) => part !== undefined).join(': '), resultCharsMax)}`
    : result !== undefined
      ? json(result, resultCharsMax)
      : typeof at === 'string'
        ? `due ${at}`
        : '';

/** One look at a job. @param {Watched} job @returns {Promise<boolean>} whether it has to be looked at again */
async function look(job) {
  try {
    const record = await get(
      'caller',
      `jobs/${encodeURIComponent(job.id)}?wait=${job.isNew || waiting.length > waitersMax ? firstWaitSeconds : waitSeconds}`,
    );
    const state = String(record['state']);
    job.isNew = false;
    show(job, state, textOf(record));
    if (!ended.has(state)) await new Promise((resolve) => setTimeout(resolve, 200));
    return !ended.has(state) && performance.now() - job.startedMs < patienceMs;
  } catch (error) {
    const { status } = error instanceof Problem ? error : { status: 0 };
    if (status !== 0 && status !== 503) {
      show(job, 'not known', messageOf(error));
      return false;
    }
    await new Promise((resolve) => setTimeout(resolve, retryMs));
    return performance.now() - job.startedMs < patienceMs;
  }
}

async function work() {
  waiters++;
  for (let job; (job = waiting.shift()) !== undefined;) {
    const isLeft = !job.row.element.isConnected;
    if (!isLeft && (await look(job))) waiting.push(job);
  }
  waiters--;
}

/** Below the others: what somebody reads does not move. @param {HTMLElement} element */
function add(element) {
  const rows = byId('results');
  rows.append(element);
  while (rows.children.length > rowsMax) rows.firstElementChild?.remove();
  rows.scrollTop = rows.scrollHeight;
}

/**
 * @param {string} id
 * @param {string} operation
 */
export function watchJob(id, operation) {
  const row = createRow(operation === '' ? id : `${operation} ${id}`);
  const job = { id, operation, startedMs: performance.now(), isNew: true, row };
  show(job, 'pending', '');
  add(row.element);
  waiting.push(job);
  if (waiters < waitersMax) void work();
}

/**
 * A job that is not enqueued.
 *
 * @param {string} which
 * @param {string} why
 */
export function showRefused(which, why) {
  const row = createRow(which);
  write(row, 'not enqueued', why, '');
  add(row.element);
}

/** Of a batch or stream, so many have rows. */
export const watchedMax = rowsMax;
