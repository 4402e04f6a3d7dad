// Queues, each with a button that pauses or resumes it.
import { messageOf, post } from './api.js';
import { byId, createRows, keepRoom, make, say, setText } from './dom.js';
import { count, duration } from './format.js';

/** @typedef {import('./figures.js').Queue} Queue */

/** @param {string} name @param {'pause' | 'resume'} action */
async function act(name, action) {
  try {
    await post('operator', `queues/${encodeURIComponent(name)}/${action}`);
    say(action === 'pause' ? `${name} is paused: its jobs wait` : `${name} is resumed`);
  } catch (error) {
    say(`${name}: ${messageOf(error)}`, 'bad');
  }
}

/** @param {string} name @param {'pause' | 'resume'} action @param {string} text */
const button = (name, action, text) =>
  make('button', { type: 'button', 'aria-label': `${text} ${name}`, click: () => void act(name, action) }, text);

export function createQueues() {
  const note = byId('queues-note');
  const show = createRows(
    byId('queue-rows'),
    (/** @type {Queue} */ { name }) => name,
    ({ name }) =>
      make(
        'tr',
        {},
        make('th', { scope: 'row', title: name }, make('span', {}, name), make('em', {}, 'paused')),
        make('td', { class: 'number' }),
        make('td', { class: 'number' }),
        make('td', { class: 'action' }, button(name, 'pause', 'Pause'), button(name, 'resume', 'Resume')),
      ),
    (row, { depth, latency_seconds: latency, paused }) => {
      const [, depthCell, latencyCell, actions] = row.cells;
      row.dataset['paused'] = String(paused);
      setText(/** @type {Node} */ (depthCell), count(depth));
      setText(/** @type {Node} */ (latencyCell), duration(latency));
      const [pause, resume] = /** @type {HTMLElement[]} */ ([...(actions?.children ?? [])]);
      // Where the broker does not tell, both are offered.
      if (!pause || !resume) return;
      const hadFocus = row.contains(document.activeElement);
      pause.hidden = paused === true;
      resume.hidden = paused === false;
      if (hadFocus && !row.contains(document.activeElement)) (paused ? resume : pause).focus();
    },
  );

  return {
    /** @param {import('./figures.js').Broker | null} broker */
    show(broker) {
      // The last ones stay while the broker does not answer.
      if (broker === null) return setText(note, 'The broker does not answer: these are its last figures.');
      show(broker.queues);
      if (byId('columns').hidden) keepRoom(byId('queue-list'), Math.max(3, broker.queues.length), 9);
      setText(byId('queues-count'), count(broker.queues_total));
      const more = broker.queues_total - broker.queues.length;
      if (broker.queues_total === 0) setText(note, 'No queue yet: the first job makes one.');
      else setText(note, more > 0 ? `${count(more)} emptier queues are not shown; GET /queues lists all.` : '');
    },
  };
}
