// The form of a job type, or JSON text where its schema is more than fields can express.
import { post, Problem, tell } from './api.js';
import { make, say } from './dom.js';
import { watchJob } from './results.js';
import { fieldsOf, isPlain, jsonField } from './schema-form.js';

/** @typedef {import('./enqueue.js').Type} Type */
/** @typedef {import('./schema-form.js').Field} Field */

/** @param {readonly Type[]} types */
export function createTypeForm(types) {
  const select = make(
    'select',
    { id: 'type', change: () => show() },
    ...types.map(({ name }) => make('option', { value: name }, name)),
  );
  const asJson = make('input', { type: 'checkbox', id: 'as-json', change: () => show(true) });
  const jsonChoice = make(
    'div',
    { class: 'field check' },
    asJson,
    make('label', { for: 'as-json' }, 'Write the body as JSON'),
  );
  const area = make('div', { class: 'fields' });
  const submit = make('button', { type: 'submit', class: 'primary' }, 'Enqueue');
  const problem = make('p', { class: 'problem', role: 'alert' });
  /** @type {Map<string, Field>} */
  let fields = new Map();
  /** The whole body, in place of the fields. @type {Field | undefined} */
  let whole;

  const typeOf = () => types.find(({ name }) => name === select.value);

  /** @returns {Record<string, unknown>} */
  function valuesOf() {
    /** @type {Record<string, unknown>} */
    const body = {};
    for (const [name, { read, complain }] of fields) {
      complain('');
      try {
        const value = read();
        if (value !== undefined) body[name] = value;
      } catch (error) {
        complain(/** @type {Error} */ (error).message);
        throw error;
      }
    }
    return body;
  }

  /** @param {boolean} [keep] what was typed */
  function show(keep = false) {
    const type = typeOf();
    if (type === undefined) return;
    let body = type.examples[0] ?? {};
    if (keep) {
      try {
        body = whole === undefined ? valuesOf() : /** @type {Record<string, unknown>} */ (whole.read() ?? {});
      } catch {
        // What cannot be read is shown as the example.
      }
    }
    const isFormable = isPlain(type.schema);
    jsonChoice.hidden = !isFormable;
    problem.textContent = '';
    if (isFormable && !asJson.checked) {
      whole = undefined;
      fields = fieldsOf(type.schema, body);
      area.replaceChildren(...[...fields.values()].map(({ element }) => element));
    } else {
      whole = jsonField('Body', body, `JSON of POST /jobs/${type.name}`, 10);
      fields = new Map();
      area.replaceChildren(whole.element);
    }
  }

  /** @param {Problem} error */
  function showViolations({ body }) {
    const violations = /** @type {{ pointer: string, message: string }[]} */ (body['violations'] ?? []);
    /** @type {string[]} */
    const rest = [];
    for (const { pointer, message } of violations) {
      const field = fields.get(pointer.split('/')[1] ?? '');
      if (field) field.complain(message);
      else rest.push(`${pointer.slice(1)} ${message}`);
    }
    problem.textContent = violations.length === 0 ? String(body['detail'] ?? '') : rest.join('; ');
  }

  async function enqueue() {
    const name = select.value;
    problem.textContent = '';
    submit.disabled = true;
    try {
      const body = whole === undefined ? valuesOf() : whole.read();
      const { job_id: id, message } = await post(
        'caller',
        `jobs/${encodeURIComponent(name)}`,
        /** @type {object} */ (body ?? {}),
      );
      watchJob(String(id), name);
      say(String(message));
    } catch (error) {
      if (error instanceof Problem && (error.status === 422 || error.status === 400)) showViolations(error);
      else if (error instanceof Problem) tell(error);
      else whole?.complain(/** @type {Error} */ (error).message);
    } finally {
      submit.disabled = false;
      submit.focus();
    }
  }

  show();
  return make(
    'form',
    {
      submit: (event) => {
        event.preventDefault();
        void enqueue();
      },
    },
    make('div', { class: 'field' }, make('label', { for: 'type' }, 'Job type'), select),
    area,
    jsonChoice,
    problem,
    make('div', { class: 'buttons' }, submit),
  );
}
