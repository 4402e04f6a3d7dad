// One job of a set: what failed, when and why, and what can be done about it.
import { make } from './dom.js';
import { ago, json } from './format.js';
import { actOnJob, isMeant } from './job-actions.js';
import { linkToJob } from './lookup.js';

/**
 * As GET /sets/{set} gives it.
 *
 * @typedef {object} SetJob
 * @property {string} job_id
 * @property {string} jobtype
 * @property {string} queue
 * @property {unknown} args
 * @property {string} [at]
 * @property {string} [failed_at]
 * @property {number} [retry_count]
 * @property {string} [errtype]
 * @property {string} [error]
 */

/** Longer ones come as text that is cut. @param {unknown} args */
const pretty = (args) => (typeof args === 'string' ? args : JSON.stringify(args, null, 2));

/** @param {SetJob} job */
function timesOf({ at, failed_at: failedAt, retry_count: retries }) {
  return [
    failedAt && `first failed ${ago(failedAt)}`,
    retries !== undefined && retries > 0 && (retries === 1 ? 'retried once' : `retried ${retries} times`),
    at && (Date.parse(at) > Date.now() ? `runs ${ago(at)}` : 'due now'),
  ].filter((text) => typeof text === 'string');
}

/** @type {Readonly<Record<string, import('./job-actions.js').Action[]>>} */
const actionsOf = {
  retries: ['retry', 'kill', 'discard'],
  dead: ['retry', 'discard'],
  scheduled: ['retry', 'discard'],
};
/** @type {Readonly<Record<string, string>>} */
const labels = { retry: 'Retry', kill: 'Kill', discard: 'Discard' };

/**
 * @param {string} set
 * @param {SetJob} job
 * @param {(row: HTMLElement) => void} onDone
 */
export function rowOf(set, job, onDone) {
  const { job_id: id, jobtype, queue, errtype, error } = job;
  const buttons = (actionsOf[set] ?? []).map((action) => {
    const text = set === 'scheduled' && action === 'retry' ? 'Run now' : labels[action];
    const label = `${text} ${jobtype} ${id}`;
    return make('button', { type: 'button', 'aria-label': label, click: () => void act(action) }, text);
  });
  const said = [errtype, error].filter(Boolean).join(': ');
  const row = make(
    'li',
    {},
    make(
      'div',
      { class: 'job' },
      make(
        'p',
        { class: 'job-head' },
        make('b', {}, jobtype),
        make('span', { class: 'tag' }, queue),
        ...timesOf(job).map((text) => make('span', { class: 'quiet' }, text)),
        linkToJob(id),
      ),
      said && make('p', { class: 'said' }, said),
      make(
        'details',
        {},
        make('summary', {}, make('span', { class: 'hidden-title' }, 'Arguments: '), json(job.args, 200)),
        make('pre', { tabindex: '0', 'aria-label': 'Arguments' }, pretty(job.args)),
      ),
    ),
    make('div', { class: 'buttons' }, ...buttons),
  );

  /** @param {import('./job-actions.js').Action} action */
  async function act(action) {
    if (!(await isMeant(job, action))) return;
    for (const button of buttons) button.disabled = true;
    if (await actOnJob(set, job, action)) return onDone(row);
    for (const button of buttons) button.disabled = false;
    buttons[0]?.focus();
  }

  return row;
}
