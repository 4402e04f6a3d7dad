// The keys of this tab: those of callers and those of operators may differ. Kept in sessionStorage, never in a URL.
import { byId } from './dom.js';

/** @typedef {'operator' | 'caller'} Scope */

/** @type {Readonly<Record<Scope, string>>} */
const why = {
  operator:
    'Queues, failed jobs and live figures want one of ADMIN_KEYS, or of API_KEYS where there are no ADMIN_KEYS.',
  caller: 'To enqueue jobs and read results, one of API_KEYS is wanted.',
};
/** @param {Scope} scope */
const place = (scope) => `work-factory.key.${scope}`;

/**
 * Where only one is known it is tried for both.
 *
 * @param {Scope} scope
 */
export const keyOf = (scope) =>
  sessionStorage.getItem(place(scope)) ??
  sessionStorage.getItem(place(scope === 'operator' ? 'caller' : 'operator')) ??
  undefined;

/** Of each scope the question that is open: one answer serves all who ask. @type {Map<Scope, Promise<boolean>>} */
const questions = new Map();
/** The dialog shows one of them at a time. @type {Promise<unknown>} */
let last = Promise.resolve();

/**
 * Resolves to false when there is no other key than the one that was refused.
 *
 * @param {Scope} scope
 * @param {string | undefined} refused
 * @returns {Promise<boolean>}
 */
export function askForKey(scope, refused) {
  const open = questions.get(scope);
  if (open !== undefined) return open;
  // It may have been given meanwhile, for the other scope as well.
  const isGiven = () => keyOf(scope) !== refused;
  const question = last.then(() => isGiven() || ask(scope, refused)).finally(() => questions.delete(scope));
  questions.set(scope, question);
  last = question;
  return question;
}

/**
 * @param {Scope} scope
 * @param {string | undefined} refused
 * @returns {Promise<boolean>}
 */
function ask(scope, refused) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('key-dialog'));
  const input = /** @type {HTMLInputElement} */ (byId('key-input'));
  const form = byId('key-form');
  const problem = byId('key-problem');
  byId('key-why').textContent = why[scope];
  problem.textContent = refused === undefined ? '' : 'The key was not accepted.';
  input.value = '';
  dialog.showModal();
  return new Promise((resolve) => {
    /** @param {Event} event */
    const take = (event) => {
      event.preventDefault();
      const key = input.value.trim();
      if (!/^[\x21-\x7e]+$/.test(key)) {
        problem.textContent = 'A key has visible ASCII characters only, and no blank.';
        return;
      }
      sessionStorage.setItem(place(scope), key);
      dialog.close('given');
    };
    form.addEventListener('submit', take);
    byId('key-cancel').onclick = () => dialog.close('');
    dialog.returnValue = '';
    dialog.addEventListener(
      'close',
      () => {
        form.removeEventListener('submit', take);
        resolve(dialog.returnValue === 'given');
      },
      { once: true },
    );
  });
}
