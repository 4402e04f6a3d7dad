// The form that enqueues one job of a type.
import { post, Problem, tell } from './api.js';
import { make, say } from './dom.js';
import { createBody } from './job-body.js';
import { watchJob } from './results.js';

/** @typedef {import('./enqueue.js').Type} Type */

/** @param {readonly Type[]} types */
export function createTypeForm(types) {
  const body = createBody();
  const options = types.map(({ name }) => make('option', { value: name }, name));
  const select = make('select', { id: 'type', change: () => show() }, ...options);
  const problem = make('p', { class: 'problem', role: 'alert' });
  const button = make('button', { type: 'submit', class: 'primary' }, 'Enqueue');

  function show() {
    const type = types.find(({ name }) => name === select.value);
    if (type) body.show(type);
    problem.textContent = '';
  }

  /** @param {unknown} error */
  function showProblem(error) {
    // A field that cannot be read says so itself.
    if (!(error instanceof Problem)) return;
    if (error.status !== 422 && error.status !== 400) return tell(error);
    const { violations } = /** @type {{ violations?: { pointer: string, message: string }[] }} */ (error.body);
    problem.textContent = violations ? body.complain(violations) : error.message;
  }

  async function enqueue() {
    const name = select.value;
    problem.textContent = '';
    button.disabled = true;
    try {
      const { job_id: id, message } = await post('caller', `jobs/${encodeURIComponent(name)}`, body.read());
      watchJob(String(id), name);
      say(String(message));
    } catch (error) {
      showProblem(error);
    } finally {
      button.disabled = false;
      button.focus();
    }
  }

  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    void enqueue();
  };
  show();
  const type = make('div', { class: 'field type' }, make('label', { for: 'type' }, 'Job type'), select);
  return make('form', { submit }, type, body.element, problem, make('div', { class: 'buttons' }, button));
}
