// A pasted batch, entry or NDJSON.
import { post, Problem, send, tell } from './api.js';
import { make, say } from './dom.js';
import { showRefused, watchedMax, watchJob } from './results.js';

const placeholder = `{"operation": "add", "a": 1, "b": 2}
{"operation": "multiply", "a": 6, "b": 7}`;

/** @typedef {{ status: string, job_id?: string, code?: string, detail?: string }} EntryResult */

/**
 * What a text is: an array or `{"jobs": []}` is a batch, an object is one entry, and everything else lines.
 *
 * @param {string} text
 * @returns {{ kind: 'batch' | 'entry', body: object } | { kind: 'lines' }}
 */
export function readPasted(text) {
  try {
    const value = JSON.parse(text);
    if (Array.isArray(value)) return { kind: 'batch', body: { jobs: value } };
    if (Array.isArray(value?.jobs)) return { kind: 'batch', body: value };
    if (typeof value === 'object' && value !== null) return { kind: 'entry', body: value };
  } catch {
    // Lines are no JSON together.
  }
  return { kind: 'lines' };
}

/** @param {EntryResult} result @param {string} which */
function showResult({ status, job_id: id, code, detail }, which) {
  if (status === 'enqueued' && id !== undefined) watchJob(id, '');
  else showRefused(`${which}${status === 'unknown' ? ', which may be enqueued' : ''}`, detail ?? code ?? status);
}

/** @param {object} body */
async function enqueueBatch(body) {
  /** @type {Record<string, any>} */
  let answer;
  try {
    answer = await post('caller', 'jobs/batch', body);
  } catch (error) {
    // A batch of which nothing was stored says why for each entry.
    if (!(error instanceof Problem) || !Array.isArray(error.body['results'])) throw error;
    answer = error.body;
  }
  /** @type {string[]} */
  const ids = answer['job_ids'] ?? [];
  /** @type {EntryResult[]} */
  const results = answer['results'] ?? ids.map((id) => ({ status: 'enqueued', job_id: id }));
  results.slice(0, watchedMax).forEach((result, index) => showResult(result, `Entry ${index + 1}`));
  say(String(answer['message'] ?? answer['detail']), ids.length === results.length ? 'good' : 'bad');
}

/** @param {object} body */
async function enqueueEntry(body) {
  const { job_id: id, message } = await post('caller', 'jobs', body);
  watchJob(String(id), '');
  say(String(message));
}

/** Reports come while lines are read. @param {string} text */
async function enqueueLines(text) {
  const headers = { 'content-type': 'application/x-ndjson' };
  const response = await send('caller', 'jobs/stream', { method: 'POST', headers, body: text });
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body)
    .pipeThrough(new TextDecoderStream())
    .getReader();
  let rest = '';
  let rows = 0;
  for (;;) {
    const { done, value = '' } = await reader.read();
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const report = JSON.parse(line);
      if (report.summary) return sayOf(report.summary);
      if (rows++ < watchedMax) showResult(report, `Line ${report.line}`);
    }
    if (done) throw new Error('The stream broke off: what became of the last lines is not known');
  }
}

/** @param {Record<string, any>} summary */
function sayOf({ lines, enqueued, completed, detail, next_line: nextLine }) {
  const end = completed ? '' : `; it ended before line ${nextLine}: ${detail}`;
  say(`Enqueued ${enqueued} of ${lines} lines${end}`, enqueued === lines && completed ? 'good' : 'bad');
}

export function createPaste() {
  const input = make('textarea', {
    id: 'paste',
    rows: 14,
    spellcheck: 'false',
    class: 'mono',
    placeholder,
    'aria-describedby': 'paste-hint',
  });
  const submit = make('button', { type: 'submit', class: 'primary' }, 'Enqueue all');

  async function enqueue() {
    const text = input.value.trim();
    if (text === '') return say('There is nothing to enqueue', 'bad');
    submit.disabled = true;
    try {
      const pasted = readPasted(text);
      if (pasted.kind === 'batch') await enqueueBatch(pasted.body);
      else if (pasted.kind === 'entry') await enqueueEntry(pasted.body);
      else await enqueueLines(`${text}\n`);
    } catch (error) {
      tell(error);
    } finally {
      submit.disabled = false;
    }
  }

  return make(
    'form',
    {
      submit: (event) => {
        event.preventDefault();
        void enqueue();
      },
    },
    make('div', { class: 'field' }, make('label', { for: 'paste' }, 'Entries'), input),
    make(
      'p',
      { class: 'note', id: 'paste-hint' },
      'A JSON array of jobs, {"jobs": […]}, or one JSON object on each line (NDJSON).',
    ),
    make('div', { class: 'buttons' }, submit),
  );
}
