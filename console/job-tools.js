// Above the list of jobs: which set, which job type, and how many there are.
import { make, setText } from './dom.js';
import { count, nothing, toneOfDead } from './format.js';

/** @typedef {'retries' | 'dead' | 'scheduled'} SetName */

/** @type {Readonly<Record<SetName, string>>} */
const titles = { retries: 'To be retried', dead: 'Dead', scheduled: 'Scheduled' };
const names = /** @type {SetName[]} */ (Object.keys(titles));

/** @param {(name: SetName) => void} choose */
function createTabs(choose) {
  const counts = names.map(() => make('b', {}, nothing));
  /** @param {SetName} name @param {number} index */
  const tab = (name, index) =>
    make(
      'label',
      { class: 'tab' },
      make('input', { type: 'radio', name: 'set', value: name, checked: index === 0, change: () => choose(name) }),
      make('span', {}, titles[name], counts[index]),
    );
  const legend = make('legend', { class: 'hidden-title' }, 'Which jobs');
  return {
    element: make('fieldset', { class: 'tabs' }, legend, ...names.map(tab)),
    /** @param {import('./figures.js').Broker | null} broker */
    show: (broker) =>
      names.forEach((name, index) => {
        const shown = /** @type {HTMLElement} */ (counts[index]);
        setText(shown, count(broker?.[name]));
        if (name === 'dead') shown.dataset['tone'] = toneOfDead(broker);
      }),
  };
}

/** @param {() => void} load what is chosen */
export function createTools(load) {
  /** @type {SetName} */
  let set = 'retries';
  const tabs = createTabs((name) => {
    set = name;
    load();
  });
  const attributes = { type: 'search', id: 'jobtype', placeholder: 'all', autocomplete: 'off', spellcheck: 'false' };
  const filter = make('input', attributes);
  const refresh = make('button', { type: 'submit' }, 'Refresh');
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    load();
  };
  const label = make('label', { for: 'jobtype' }, 'Job type');
  const form = make('form', { class: 'filter', submit }, label, filter, refresh);
  return {
    element: make('div', { class: 'tools' }, tabs.element, form),
    showCounts: tabs.show,
    get set() {
      return set;
    },
    /** Empty: any. */
    get jobtype() {
      return filter.value.trim();
    },
    /** Whether the set has other jobs than those that are listed. @param {boolean} isChanged */
    mark: (isChanged) => setText(refresh, isChanged ? 'Refresh: changed' : 'Refresh'),
    focus: () => refresh.focus(),
  };
}
