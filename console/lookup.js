// A job by its id: its record in a dialog, which moves nothing on the page. `#job/ID` in a URL opens it.
import { get, messageOf } from './api.js';
import { byId, make, setText } from './dom.js';
import { json, moment } from './format.js';

/** As GET /jobs/{job_id} gives it. @typedef {Record<string, any>} JobRecord */

const resultCharsMax = 100_000;
const prefix = '#job/';

/** @param {string} id */
export const linkToJob = (id) => make('a', { class: 'id', href: `${prefix}${encodeURIComponent(id)}` }, id);

/** The id in the part of a URL behind #; undefined: it names no job. @param {string} hash */
export const jobIn = (hash) =>
  hash.startsWith(prefix) ? (new URLSearchParams(`id=${hash.slice(prefix.length)}`).get('id') ?? undefined) : undefined;

/** @type {Readonly<Record<string, string>>} */
const states = {
  scheduled: 'scheduled: queued at its time',
  pending: 'pending: queued, or a worker has it',
  expired: 'expired: not started in time, and not run',
};

/** @param {JobRecord} record */
function stateOf({ state, error, tracked }) {
  if (tracked === false) return `${state}: this service is not told how the job ends`;
  if (state === 'pending' && error !== undefined) return 'pending: failed, to be retried';
  return states[state] ?? state;
}

/** @param {JobRecord} record @returns {[string, unknown][]} */
const factsOf = (record) => [
  ['State', stateOf(record)],
  ['Job type', record['operation']],
  ['Attempts', record['attempts']],
  ['Progress', record['progress'] && `${record['progress'].percent} % ${record['progress'].note ?? ''}`],
  ['Due', moment(record['at'])],
  ['Enqueued', moment(record['enqueued_at'])],
  ['Last started', moment(record['started_at'])],
  ['Ended', moment(record['finished_at'])],
  ['Request id', record['request_id']],
];

/** What an attempt left, or the job. @param {JobRecord} record @returns {[string, string]} title and text */
function endOf({ state, error, errtype, result }) {
  const said = [errtype, error].filter((part) => part !== undefined).join(': ');
  if (said !== '') return [state === 'pending' ? 'Last error' : 'Error', said];
  if (result !== undefined) return ['Result', json(JSON.stringify(result, null, 2), resultCharsMax)];
  return ['Result', 'none yet'];
}

/** @param {() => void} onClose */
export function createLookup(onClose) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('job-dialog'));
  const input = /** @type {HTMLInputElement} */ (byId('lookup-id'));
  let shownId = '';
  /** Only the last question is answered. */
  let asked = 0;

  /** @param {[string, unknown][]} facts @param {string} state @param {string} title @param {string} text */
  function write(facts, state, title, text) {
    const known = facts.filter(([, value]) => value !== undefined && value !== null && value !== '');
    const rows = known.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, String(value))));
    byId('job-facts').replaceChildren(...rows);
    dialog.dataset['state'] = state;
    setText(byId('job-end-title'), title);
    setText(byId('job-end'), text);
  }

  async function load() {
    const turn = ++asked;
    try {
      const record = await get('caller', `jobs/${encodeURIComponent(shownId)}`);
      if (turn === asked) write(factsOf(record), record['error'] === undefined ? '' : 'failed', ...endOf(record));
    } catch (error) {
      if (turn === asked) write([], '', 'Not shown', messageOf(error));
    }
  }

  byId('lookup').addEventListener('submit', (event) => {
    event.preventDefault();
    const id = input.value.trim();
    if (id === '') return input.focus();
    location.hash = `${prefix}${encodeURIComponent(id)}`;
  });
  byId('job-again').addEventListener('click', () => void load());
  byId('job-close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', onClose);

  return {
    /** @param {string | undefined} id undefined: none is shown any more */
    show(id) {
      if (id === undefined) return dialog.close();
      shownId = id;
      setText(byId('job-id'), id);
      write([], '', 'Result', 'Asking');
      if (!dialog.open) dialog.showModal();
      void load();
    },
  };
}
