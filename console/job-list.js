// Jobs of Faktory's sets, a page at a time: to be retried, dead, scheduled.
import { get, messageOf, Problem, tell } from './api.js';
import { byId, make, setText } from './dom.js';
import { count } from './format.js';
import { createBulk } from './job-actions.js';
import { rowOf } from './job-row.js';
import { createTools } from './job-tools.js';

/** @typedef {import('./job-tools.js').SetName} SetName */
/** @typedef {{ jobs: import('./job-row.js').SetJob[], total: number, cursor: string | null }} Page */

/** @type {Readonly<Record<SetName, string>>} */
const empty = {
  retries: 'No job waits for another attempt.',
  dead: 'No job is dead.',
  scheduled: 'No job is scheduled.',
};
const pageJobs = 50;

/** A page of the broker's own, on an address that a browser may be led to. @param {unknown} page */
const linkTo = (page) =>
  typeof page === 'string' &&
  /^https?:\/\//.test(page) &&
  make('a', { href: page, rel: 'noreferrer noopener', target: '_blank' }, ` ${page}`);

/** Of the jobs that are shown. @param {SetName} set @param {string} jobtype @param {number} shown @param {number} total */
function noteOf(set, jobtype, shown, total) {
  if (shown > 0) return `${count(shown)}${jobtype && ` of the type ${jobtype},`} of ${count(total)} jobs`;
  return jobtype === '' || total === 0 ? empty[set] : `No ${jobtype} found so far among ${count(total)} jobs.`;
}

/** Why there are no jobs to show. @param {Error} error @returns {(string | Node)[]} */
function reasonOf(error) {
  if (!(error instanceof Problem)) return [messageOf(error)];
  if (error.status === 404) return ['Jobs are seen and changed here once ADMIN_KEYS is set, or on a loopback address.'];
  const link = linkTo(error.body['page']);
  return link ? [error.message, link] : [error.message];
}

/** The list itself. @param {() => void} onDone there is no row left @param {() => void} focusElsewhere */
function createList(onDone, focusElsewhere) {
  const element = make('ul', { class: 'jobs', 'aria-label': 'Jobs' });

  /** The focus goes to the next row. @param {HTMLElement} row */
  function afterAction(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    const button = next?.querySelector('button');
    if (button) button.focus();
    else focusElsewhere();
    if (element.children.length === 0) onDone();
  }

  return {
    element,
    clear: () => element.replaceChildren(),
    /** @param {SetName} set @param {Page['jobs']} jobs @param {boolean} isFirst they take the place of what was there */
    show(set, jobs, isFirst) {
      const rows = jobs.map((job) => rowOf(set, job, afterAction));
      if (isFirst) return element.replaceChildren(...rows);
      element.append(...rows);
      rows[0]?.querySelector('button')?.focus();
    },
  };
}

export function createJobList() {
  /** @type {string | null} */
  let cursor = null;
  /** Only the last question is answered. */
  let asked = 0;
  let listedTotal = 0;
  let isShown = false;
  const tools = createTools(() => void load());
  const bulk = createBulk(() => load());
  const list = createList(() => void load(), tools.focus);
  const note = make('p', { class: 'note', role: 'status' });
  const attributes = { type: 'button', class: 'more', hidden: true, click: () => void load(cursor) };
  const more = make('button', attributes, 'Show more');
  byId('job-list').append(tools.element, note, bulk.element, list.element, more);

  /** @param {string | null} [from] */
  async function load(from = null) {
    const turn = ++asked;
    const { set, jobtype } = tools;
    const limit = String(pageJobs);
    const query = new URLSearchParams({ limit, ...(jobtype && { jobtype }), ...(from && { cursor: from }) });
    const page = await get('operator', `sets/${set}?${query}`).catch((/** @type {unknown} */ error) => error);
    if (turn !== asked) return;
    bulk.show(page instanceof Error || jobtype === '' ? undefined : { set, jobtype });
    if (!(page instanceof Error)) return show(/** @type {Page} */ (page), from === null);
    if (from !== null) return tell(page);
    list.clear();
    more.hidden = true;
    note.replaceChildren(...reasonOf(page));
  }

  /** @param {Page} page @param {boolean} isFirst */
  function show({ jobs, total, cursor: next }, isFirst) {
    list.show(tools.set, jobs, isFirst);
    cursor = next;
    more.hidden = next === null;
    listedTotal = total;
    tools.mark(false);
    setText(note, noteOf(tools.set, tools.jobtype, list.element.children.length, total));
  }

  return {
    /** The view is opened. */
    open() {
      isShown = true;
      void load();
    },
    close() {
      isShown = false;
    },
    /** @param {import('./figures.js').Broker | null} broker */
    show(broker) {
      tools.showCounts(broker);
      if (isShown && broker && broker[tools.set] !== listedTotal) tools.mark(true);
    },
  };
}
