// The body of POST /jobs/{type}: fields made from the type's schema, or JSON text where that is more than fields can express.
import { make } from './dom.js';
import { fieldsOf, isPlain, jsonField } from './schema-form.js';

/** @typedef {import('./enqueue.js').Type} Type */
/** @typedef {import('./schema-form.js').Field} Field */
/** @typedef {Record<string, unknown>} Body */

/** Throws, and says at the field, when what was typed cannot be read. @param {ReadonlyMap<string, Field>} fields @returns {Body} */
function valuesOf(fields) {
  /** @type {Body} */
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

/** The whole body in one field. @param {Type} type @param {Body} body @returns {Map<string, Field>} */
const asJson = ({ name }, body) => new Map([['', jsonField('Body', body, `JSON of POST /jobs/${name}`, 10)]]);

export function createBody() {
  const area = make('div', { class: 'fields' });
  const isJson = make('input', { type: 'checkbox', id: 'as-json', change: () => showAgain() });
  const label = make('label', { for: 'as-json' }, 'Write the body as JSON');
  const choice = make('div', { class: 'field check' }, isJson, label);
  /** @type {Type | undefined} */
  let type;
  /** By name; the whole body has the empty one. @type {Map<string, Field>} */
  let fields = new Map();

  /** @returns {Body} */
  function read() {
    const values = valuesOf(fields);
    return fields.has('') ? /** @type {Body} */ (values[''] ?? {}) : values;
  }

  /** @param {Type} now @param {Body} body */
  function show(now, body) {
    type = now;
    choice.hidden = !isPlain(type.schema);
    fields = choice.hidden || isJson.checked ? asJson(type, body) : fieldsOf(type.schema, body);
    area.replaceChildren(...[...fields.values()].map(({ element }) => element));
  }

  /** In the other form, with what was typed. */
  function showAgain() {
    if (type === undefined) return;
    let body = type.examples[0] ?? {};
    try {
      body = read();
    } catch {
      // What cannot be read gives way to the example.
    }
    show(type, body);
  }

  return {
    element: make('div', {}, area, choice),
    read,
    /** @param {Type} now */
    show: (now) => show(now, now.examples[0] ?? {}),
    /**
     * Says each at its field.
     *
     * @param {readonly { pointer: string, message: string }[]} violations
     * @returns {string} the others
     */
    complain(violations) {
      const others = violations.filter(({ pointer, message }) => {
        const field = fields.get(pointer.split('/')[1] ?? '-');
        field?.complain(message);
        return field === undefined;
      });
      return others.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`).join('; ');
    },
  };
}
