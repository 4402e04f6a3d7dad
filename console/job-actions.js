// Retry, kill and discard: of one job, or of all of a job type in a set.
import { post, tell } from './api.js';
import { confirmed } from './confirm.js';
import { make, say } from './dom.js';

/** @typedef {'retry' | 'kill' | 'discard'} Action */

/** @type {Readonly<Record<Action, string>>} */
const done = { retry: 'queued', kill: 'moved to the dead', discard: 'discarded' };

/**
 * Asks before what cannot be undone.
 *
 * @param {{ job_id: string, jobtype: string }} job
 * @param {Action} action
 */
export const isMeant = async ({ job_id: id, jobtype }, action) =>
  action !== 'discard' || confirmed(`Discard this job for good? ${jobtype} ${id}`, 'Discard');

/**
 * @param {string} set
 * @param {{ job_id: string, jobtype: string }} job
 * @param {Action} action
 * @returns {Promise<boolean>} whether it was done
 */
export async function actOnJob(set, { job_id: id, jobtype }, action) {
  try {
    await post('operator', `sets/${set}/${encodeURIComponent(id)}/${action}`);
    say(`${jobtype} ${id}: ${done[action]}`);
    return true;
  } catch (error) {
    tell(error);
    return false;
  }
}

/** @typedef {{ set: string, jobtype: string }} Selection */

/**
 * Buttons for all jobs of a type, whether they are on this page or not.
 *
 * @param {() => Promise<void>} onDone
 */
export function createBulk(onDone) {
  const element = make('div', { class: 'bulk', hidden: true });

  /** @param {Action} action @param {Selection} selection */
  async function act(action, { set, jobtype }) {
    const verb = { retry: 'Retry', kill: 'Kill', discard: 'Discard' }[action];
    if (!(await confirmed(`${verb} all jobs of the type ${jobtype} among the ${set}?`, `${verb} all`))) return;
    try {
      const { affected } = await post('operator', `sets/${set}/${action}`, { jobtype });
      say(
        affected === null
          ? `${jobtype}: done; Faktory does not tell how many`
          : `${jobtype}: ${affected} ${done[action]}`,
      );
    } catch (error) {
      tell(error);
    }
    await onDone();
  }

  return {
    element,
    /** @param {Selection | undefined} selection */
    show(selection) {
      element.hidden = selection === undefined;
      if (selection === undefined) return;
      /** @param {Action} action @param {string} text */
      const button = (action, text) =>
        make('button', { type: 'button', click: () => void act(action, selection) }, text);
      element.replaceChildren(
        make('span', { class: 'quiet' }, `All of ${selection.jobtype}:`),
        button('retry', selection.set === 'scheduled' ? 'Run all now' : 'Retry all'),
        button('discard', 'Discard all'),
      );
    },
  };
}
