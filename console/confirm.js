// Asks before what cannot be undone.
import { byId } from './dom.js';

/**
 * @param {string} question
 * @param {string} yes of the button that does it
 * @returns {Promise<boolean>}
 */
export function confirmed(question, yes) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('confirm-dialog'));
  byId('confirm-text').textContent = question;
  byId('confirm-yes').textContent = yes;
  byId('confirm-cancel').onclick = () => dialog.close('');
  byId('confirm-form').onsubmit = (event) => {
    event.preventDefault();
    dialog.close('yes');
  };
  dialog.returnValue = '';
  dialog.showModal();
  byId('confirm-cancel').focus();
  return new Promise((resolve) =>
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }),
  );
}
