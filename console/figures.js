// What the event `figures` carries (src/http/console/feed.ts).

/**
 * @typedef {object} Queue
 * @property {string} name
 * @property {number} depth jobs
 * @property {number | null} latency_seconds
 * @property {boolean | null} paused null: the broker does not tell
 */
/**
 * @typedef {object} Broker
 * @property {number} queued
 * @property {number} working
 * @property {number} scheduled
 * @property {number} retries
 * @property {number} dead
 * @property {Queue[]} queues the fullest ones
 * @property {number} queues_total
 * @property {number | null} connections
 * @property {number | null} workers
 */
/**
 * @typedef {object} Worker
 * @property {number} slots
 * @property {Record<string, number>} jobs
 * @property {Record<string, number>} handlers
 * @property {number | null} last_fetch_at seconds since 1970
 */
/** @typedef {{ ok: boolean, reason?: string }} Check */
/** @typedef {{ time: string, level: number, msg: string, about: Record<string, string> }} Trouble */
/**
 * @typedef {object} Figures
 * @property {number} at
 * @property {{ status: string, durability: string, checks: Record<string, Check>, worker?: Check }} readiness
 * @property {Broker | null} broker
 * @property {Worker | null} worker
 * @property {{ http: Record<string, number>, broker: { role: string, up: boolean, states: Record<string, number> }[] }} connections
 * @property {Record<string, number>} pending
 * @property {{ name: string, enqueued: number, succeeded: number | null, failed: number | null }[]} types
 * @property {import('./chart.js').Point | null} point
 * @property {Trouble[]} [troubles] all of them, when some are new
 */
/**
 * @typedef {object} Opening
 * @property {string} version
 * @property {string} host
 * @property {number} pid
 * @property {boolean} all_processes
 * @property {import('./chart.js').Point[]} history
 * @property {Trouble[]} troubles
 */
export {};
