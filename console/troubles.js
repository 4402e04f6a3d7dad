// The last lines of the log that warn.
import { byId, make } from './dom.js';
import { ago, clockTime } from './format.js';
import { linkToJob } from './lookup.js';

/** @param {import('./figures.js').Trouble} trouble */
function rowOf({ time, level, msg, about }) {
  const { jid, operation, errtype, error, reason, action, outcome } = about;
  const said = [errtype, error ?? reason].filter(Boolean).join(': ');
  const what = [operation, action, outcome].filter(Boolean).join(' · ');
  return make(
    'li',
    { class: level >= 50 ? 'bad' : 'warn' },
    make('time', { datetime: time, title: ago(time) }, clockTime(time)),
    make('span', { class: 'level' }, level >= 50 ? 'error' : 'warning'),
    make(
      'div',
      {},
      make('p', {}, msg, what && make('span', { class: 'quiet' }, ` ${what}`)),
      said && make('p', { class: 'said' }, said),
      jid && make('p', {}, linkToJob(jid)),
    ),
  );
}

/** @param {readonly import('./figures.js').Trouble[]} troubles the oldest first */
export function showTroubles(troubles) {
  byId('trouble-rows').replaceChildren(...[...troubles].reverse().map(rowOf));
  byId('troubles-note').hidden = troubles.length > 0;
}
