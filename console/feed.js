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

/**
 * Goes on until the service says that there are no figures, or wants a key that nobody gives.
 *
 * @param {TakeEvent} take
 * @param {(state: FeedState) => void} setState
 */
export async function follow(take, setState) {
  for (let failures = 0; ; failures++) {
    const silence = new AbortController();
    /** @type {number | undefined} */
    let timer;
    const hear = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silenceMs);
    };
    try {
      hear();
      const response = await send('operator', 'console/events', { signal: silence.signal });
      if (response.body === null) throw new Error('there is no body');
      await readEvents(response.body, (event, data) => {
        hear();
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
      clearTimeout(timer);
    }
    await new Promise((resolve) => setTimeout(resolve, pausesMs[Math.min(failures, pausesMs.length - 1)]));
  }
}
