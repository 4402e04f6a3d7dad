// The live figures: server-sent events, read with fetch because EventSource sends no key.
import { Problem, send } from './api.js';

/** @typedef {'connecting' | 'live' | 'lost' | 'locked' | 'absent' | 'full'} FeedState */
/** @typedef {(event: string, data: any) => void} TakeEvent */

const pausesMs = [1000, 2000, 5000, 10_000];
/** One comes each second. */
const silenceMs = 15_000;

/**
 * Reads events as WHATWG HTML, section 9.2, has them, as far as this service writes them.
 *
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @param {TakeEvent} take
 */
async function readEvents(body, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const [, name = 'message', data = 'null'] = /^event: (.*)\ndata: (.*)$/.exec(event) ?? [];
      take(name, JSON.parse(data));
    }
  }
}

/** A page that nobody sees lets go of its connection: a browser has six to one service, for all its tabs. */
const hiddenMs = 10_000;

const seen = () =>
  document.hidden
    ? new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }))
    : Promise.resolve();

/** Aborts when no event has come for a while, or nobody has looked at the page. */
function createPatience() {
  const controller = new AbortController();
  /** @type {number | undefined} */
  let silence;
  /** @type {number | undefined} */
  let hidden;
  const look = () => {
    clearTimeout(hidden);
    if (document.hidden) hidden = setTimeout(() => controller.abort(), hiddenMs);
  };
  document.addEventListener('visibilitychange', look);
  return {
    signal: controller.signal,
    hear() {
      clearTimeout(silence);
      silence = setTimeout(() => controller.abort(), silenceMs);
    },
    end() {
      clearTimeout(silence);
      clearTimeout(hidden);
      document.removeEventListener('visibilitychange', look);
    },
  };
}

/**
 * Goes on until the service says that there are no figures, or wants a key that nobody gives.
 *
 * @param {TakeEvent} take
 * @param {(state: FeedState) => void} setState
 */
export async function follow(take, setState) {
  for (let failures = 0; ; failures++) {
    await seen();
    const patience = createPatience();
    try {
      const response = await send('operator', 'console/events', { signal: patience.signal });
      if (response.body === null) throw new Error('there is no body');
      patience.hear();
      await readEvents(response.body, (event, data) => {
        patience.hear();
        failures = 0;
        setState('live');
        take(event, data);
      });
      setState('lost');
    } catch (error) {
      const status = error instanceof Problem ? error.status : 0;
      if (status === 404) return setState('absent');
      if (status === 401) return setState('locked');
      setState(error instanceof Problem && error.body['code'] === 'overloaded' ? 'full' : 'lost');
    } finally {
      patience.end();
    }
    await seen();
    await new Promise((resolve) => setTimeout(resolve, pausesMs[Math.min(failures, pausesMs.length - 1)]));
  }
}
