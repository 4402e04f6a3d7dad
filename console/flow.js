// Whether jobs end while others wait. Every check can be good although nothing runs: workers hang, a queue is paused, a store
// is away that only workers ask.

/** @typedef {import('./figures.js').Figures} Figures */
/** @typedef {import('./figures.js').Check} Check */

/** Jobs of some seconds are usual. Jobs of minutes make this a false alarm, which says no more than is true. */
const quietSeconds = 30;

export function createFlow() {
  /** @type {number | undefined} */
  let since;

  /** @param {Figures} figures */
  const stands = ({ broker, point }) =>
    broker !== null &&
    point !== null &&
    point['processed'] === 0 &&
    broker.queues.some(({ depth, paused }) => depth > 0 && paused !== true);

  return {
    /** @param {Figures} figures @returns {Check} */
    look(figures) {
      if (!stands(figures)) {
        since = undefined;
        return { ok: true };
      }
      since ??= figures.at;
      const seconds = Math.round((figures.at - since) / 1000);
      if (seconds < quietSeconds) return { ok: true };
      const reason = `none for ${seconds} s, and jobs wait. Do workers run and fetch? Is a queue paused? Does their store of results answer?`;
      return { ok: false, reason };
    },
  };
}
