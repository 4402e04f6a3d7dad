// The console: which view is shown, and what the live figures go to.
import { byId, setText } from './dom.js';
import { createEnqueue } from './enqueue.js';
import { follow } from './feed.js';
import { createFlow } from './flow.js';
import { createJobList } from './job-list.js';
import { createOverview } from './overview.js';
import { createQueues } from './queues.js';
import { createLookup, jobIn } from './lookup.js';
import { showTroubles } from './troubles.js';

/** @typedef {import('./figures.js').Figures} Figures */
/** @typedef {import('./figures.js').Opening} Opening */

const titles = { overview: 'Overview', jobs: 'Jobs', enqueue: 'Enqueue', errors: 'Errors' };
const views = /** @type {(keyof typeof titles)[]} */ (Object.keys(titles));
const overview = createOverview();
const queues = createQueues();
const jobs = createJobList();
const enqueue = createEnqueue();
const flow = createFlow();
// The URL names the view again, and no step back opens the dialog another time.
const lookup = createLookup(() => history.replaceState(null, '', `#${shown}`));

/** @type {Readonly<Record<import('./feed.js').FeedState, [string, string]>>} */
const states = {
  connecting: ['Connecting', 'quiet'],
  live: ['Live', 'good'],
  lost: ['Connecting again', 'bad'],
  full: ['Too many pages watch', 'bad'],
  locked: ['Enter a key', 'quiet'],
  absent: ['No live figures', 'quiet'],
};

/** @param {string} text @param {string} tone */
function setState(text, tone) {
  const state = byId('state');
  setText(state, text);
  state.dataset['tone'] = tone;
}

/** @type {keyof typeof titles | undefined} */
let shown;

function showView() {
  const wanted = location.hash.slice(1);
  const jobId = jobIn(location.hash);
  lookup.show(jobId);
  // The dialog of a job lies over the view that is shown.
  if (jobId !== undefined && shown !== undefined) return;
  const view = views.find((name) => name === wanted) ?? (jobId === undefined ? 'overview' : 'jobs');
  if (view === shown) return;
  shown = view;
  document.title = `${titles[view]} – Work Factory`;
  for (const name of views) byId(`view-${name}`).hidden = name !== view;
  for (const link of document.querySelectorAll('.views a'))
    if (link.getAttribute('href') === `#${view}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  if (view === 'jobs') jobs.open();
  else jobs.close();
  if (view === 'enqueue') void enqueue.open();
}

/** @param {Opening} opening */
function begin({ version, host, pid, all_processes: all, history, troubles }) {
  overview.begin(history);
  showTroubles(troubles);
  const whose = all ? `of all API processes of ${host}` : `of API process ${pid} on ${host}`;
  setText(byId('about'), `Work Factory ${version}. Figures ${whose}; queues and jobs are those of the broker.`);
}

/** @param {Figures} figures */
function show(figures) {
  const flowing = flow.look(figures);
  overview.show(figures, flowing);
  queues.show(figures.broker);
  // Until here nothing of it was there that its first rows could move.
  byId('columns').hidden = false;
  jobs.show(figures.broker);
  if (figures.troubles) showTroubles(figures.troubles);
  setState(...headline(figures.readiness, flowing));
}

/** The worst of what is known. @param {Figures['readiness']} readiness @param {{ ok: boolean }} flowing @returns {[string, string]} */
function headline({ status, checks, worker }, flowing) {
  const failed = Object.entries({ ...checks, ...(worker && { worker }) }).filter(([, { ok }]) => !ok);
  const names = failed.map(([name]) => name).join(', ');
  if (status !== 'ready') return [`Not ready: ${names}`, 'bad'];
  if (names !== '') return [`In trouble: ${names}`, 'warn'];
  return flowing.ok ? ['Live', 'good'] : ['Jobs wait, none ends', 'warn'];
}

async function watch() {
  byId('unlock').hidden = true;
  await follow(
    (event, data) => {
      if (event === 'opening') begin(data);
      else if (event === 'figures') show(data);
      else if (event === 'missing') setState('No figures came', 'bad');
    },
    (state) => {
      // The figures say more than that they come.
      if (state !== 'live') setState(...states[state]);
      byId('unlock').hidden = state !== 'locked';
      byId('overview-note').hidden = state !== 'absent';
    },
  );
}

/** @type {HTMLElement} */ (document.querySelector('.skip')).addEventListener('click', (event) => {
  // The part of the URL behind # names the view.
  event.preventDefault();
  byId('main').focus();
});
byId('words-open').addEventListener('click', () => /** @type {HTMLDialogElement} */ (byId('words')).showModal());
byId('words-close').addEventListener('click', () => /** @type {HTMLDialogElement} */ (byId('words')).close());
addEventListener('hashchange', showView);
byId('unlock').addEventListener('click', () => void watch());
showView();
void watch();
