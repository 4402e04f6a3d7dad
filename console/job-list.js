// Jobs of Faktory's sets, a page at a time: to be retried, dead, scheduled.
import { get, messageOf, Problem, tell } from './api.js';
import { byId, make, setText } from './dom.js';
import { count } from './format.js';
import { createBulk } from './job-actions.js';
import { rowOf } from './job-row.js';

/** @typedef {import('./job-row.js').SetJob} SetJob */
/** @typedef {'retries' | 'dead' | 'scheduled'} SetName */

/** @type {Readonly<Record<SetName, string>>} */
const titles = { retries: 'To be retried', dead: 'Dead', scheduled: 'Scheduled' };
/** @type {Readonly<Record<SetName, string>>} */
const empty = {
  retries: 'No job waits for another attempt.',
  dead: 'No job is dead.',
  scheduled: 'No job is scheduled.',
};
const names = /** @type {SetName[]} */ (Object.keys(titles));
const pageJobs = 50;

/** A page of the broker's own, on an address that a browser may be led to. @param {unknown} page */
const linkTo = (page) =>
  typeof page === 'string' &&
  /^https?:\/\//.test(page) &&
  make('a', { href: page, rel: 'noreferrer noopener', target: '_blank' }, ` ${page}`);

export function createJobList() {
  /** @type {SetName} */
  let set = 'retries';
  /** @type {string | null} */
  let cursor = null;
  /** Only the last question is answered. */
  let asked = 0;
  let listedTotal = 0;
  let isShown = false;

  const counts = Object.fromEntries(names.map((name) => [name, make('b', {}, '–')]));
  const tabs = names.map((name) =>
    make(
      'label',
      { class: 'tab' },
      make('input', {
        type: 'radio',
        name: 'set',
        value: name,
        checked: name === set,
        change: () => void choose(name),
      }),
      make('span', {}, titles[name], counts[name]),
    ),
  );
  const filter = make('input', {
    type: 'search',
    id: 'jobtype',
    placeholder: 'all',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const refresh = make('button', { type: 'button', click: () => void load() }, 'Refresh');
  const form = make(
    'form',
    {
      class: 'filter',
      submit: (event) => {
        event.preventDefault();
        void load();
      },
    },
    make('label', { for: 'jobtype' }, 'Job type'),
    filter,
    refresh,
  );
  const bulk = createBulk(() => load());
  const list = make('ul', { class: 'jobs', 'aria-label': 'Jobs' });
  const note = make('p', { class: 'note', role: 'status' });
  const more = make(
    'button',
    { type: 'button', class: 'more', hidden: true, click: () => void load(cursor) },
    'Show more',
  );
  const choice = make('fieldset', { class: 'tabs' }, make('legend', { class: 'hidden-title' }, 'Which jobs'), ...tabs);
  byId('job-list').append(make('div', { class: 'tools' }, choice, form), note, bulk.element, list, more);

  /** @param {SetName} name */
  function choose(name) {
    set = name;
    return load();
  }

  /** @param {string | null} [from] */
  async function load(from = null) {
    const turn = ++asked;
    const jobtype = filter.value.trim();
    const query = new URLSearchParams({
      limit: String(pageJobs),
      ...(jobtype && { jobtype }),
      ...(from && { cursor: from }),
    });
    const page = await get('operator', `sets/${set}?${query}`).catch((/** @type {unknown} */ error) => error);
    if (turn !== asked) return;
    bulk.show(page instanceof Error || jobtype === '' ? undefined : { set, jobtype });
    if (page instanceof Error) return from === null ? showProblem(page) : tell(page);
    const {
      jobs,
      total,
      cursor: next,
    } = /** @type {{ jobs: SetJob[], total: number, cursor: string | null }} */ (page);
    const rows = jobs.map((job) => rowOf(set, job, afterAction));
    if (from === null) list.replaceChildren(...rows);
    else {
      list.append(...rows);
      rows[0]?.querySelector('button')?.focus();
    }
    cursor = next;
    more.hidden = next === null;
    listedTotal = total;
    setText(refresh, 'Refresh');
    setText(note, noteOf(total, jobtype));
  }

  /** @param {number} total @param {string} jobtype */
  function noteOf(total, jobtype) {
    const shown = list.children.length;
    if (shown > 0)
      return jobtype === ''
        ? `${count(shown)} of ${count(total)} jobs`
        : `${count(shown)} of the type ${jobtype}, among ${count(total)} jobs`;
    return jobtype === '' || total === 0 ? empty[set] : `No ${jobtype} found so far among ${count(total)} jobs.`;
  }

  /** @param {Error} error */
  function showProblem(error) {
    list.replaceChildren();
    more.hidden = true;
    const page = error instanceof Problem ? linkTo(error.body['page']) : undefined;
    const why =
      error instanceof Problem && error.status === 404
        ? 'Jobs are seen and changed here once ADMIN_KEYS is set, or on a loopback address.'
        : messageOf(error);
    note.replaceChildren(why, ...(page ? [page] : []));
  }

  /** The row stays until it is done, and the focus goes to the next. @param {HTMLElement} row */
  function afterAction(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    const target = next?.querySelector('button') ?? refresh;
    target.focus();
    if (list.children.length === 0) void load();
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
      for (const name of names) setText(/** @type {Node} */ (counts[name]), count(broker?.[name]));
      if (isShown && broker && broker[set] !== listedTotal) setText(refresh, 'Refresh: changed');
    },
  };
}
