// A form made from a JSON schema: a field for each property, and JSON text for what a field cannot express.
import { make } from './dom.js';

/** @typedef {Record<string, any>} Schema */
/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {() => unknown} read undefined: left out. Throws when the text cannot be read
 * @property {(message: string) => void} complain shows what is wrong with it; an empty text takes that away
 */

const fieldsMax = 40;

/** Null may be left out as well. @param {Schema} schema @returns {Schema} */
function withoutNull(schema) {
  const { type } = schema;
  if (Array.isArray(type) && type.length === 2 && type.includes('null'))
    return { ...schema, type: type.find((one) => one !== 'null') };
  const choices = schema['anyOf'];
  if (!Array.isArray(choices) || choices.length !== 2) return schema;
  const [other] = choices.filter(({ type }) => type !== 'null');
  return choices.some(({ type }) => type === 'null') ? { ...other, description: schema['description'] } : schema;
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('must be JSON');
  }
}

let ids = 0;

/**
 * @param {string} name
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input
 * @param {string | undefined} description
 * @param {() => unknown} read
 * @param {boolean} [isRequired] undefined: it always has a value
 * @returns {Field}
 */
function fieldOf(name, input, description, read, isRequired) {
  const id = `field-${++ids}`;
  input.id = id;
  input.setAttribute('aria-describedby', `${id}-problem`);
  const problem = make('p', { class: 'problem', id: `${id}-problem` });
  const isCheck = input instanceof HTMLInputElement && input.type === 'checkbox';
  // The browser's own check would refuse an empty text, which may be the value that is wanted.
  if (isRequired) input.setAttribute('aria-required', 'true');
  const need = isRequired === undefined ? '' : isRequired ? ' required' : ' optional';
  const label = make(
    'label',
    { for: id },
    name,
    need && make('span', { class: isRequired ? 'needed' : 'quiet' }, need),
    description && make('span', { class: 'quiet hint' }, ` ${description}`),
  );
  return {
    element: make(
      'div',
      { class: isCheck ? 'field check' : 'field' },
      ...(isCheck ? [input, label] : [label, input]),
      problem,
    ),
    read,
    complain(message) {
      problem.textContent = message;
      if (message === '') input.removeAttribute('aria-invalid');
      else input.setAttribute('aria-invalid', 'true');
    },
  };
}

/**
 * @param {string} name
 * @param {unknown} example
 * @param {string} [hint]
 * @param {number} [rows]
 * @param {boolean} [isRequired]
 */
export function jsonField(name, example, hint = 'JSON', rows = 3, isRequired = undefined) {
  const input = make('textarea', { rows, spellcheck: 'false', class: 'mono' });
  input.value = example === undefined ? '' : JSON.stringify(example, null, 2);
  const read = () => (input.value.trim() === '' ? undefined : parse(input.value));
  return fieldOf(name, input, hint, read, isRequired);
}

/** @param {string} name @param {readonly unknown[]} choices @param {unknown} example @param {boolean} isRequired */
function choiceField(name, choices, example, isRequired) {
  const options = choices.map((choice, at) =>
    make('option', { value: at, selected: choice === example }, String(choice)),
  );
  const input = make('select', {}, !isRequired && make('option', { value: '' }, '(none)'), ...options);
  const read = () => (input.value === '' ? undefined : choices[Number(input.value)]);
  return fieldOf(name, input, undefined, read, isRequired);
}

/** @param {string} name @param {Schema} given @param {unknown} example @param {boolean} isRequired @returns {Field} */
function fieldFor(name, given, example, isRequired) {
  const schema = withoutNull(given);
  const { type, description } = schema;
  if (Array.isArray(schema['enum'])) return choiceField(name, schema['enum'], example, isRequired);
  if (type === 'boolean') {
    const input = make('input', { type: 'checkbox', checked: example === true });
    return fieldOf(name, input, description, () =>
      // A field without a default is left out.
      input.checked || isRequired || schema['default'] !== undefined ? input.checked : undefined,
    );
  }
  if (type === 'number' || type === 'integer') {
    const input = make('input', {
      type: 'text',
      inputmode: 'decimal',
      autocomplete: 'off',
      value: /** @type {any} */ (example),
    });
    const read = () => {
      const text = input.value.trim();
      if (text === '') return undefined;
      if (!Number.isFinite(Number(text))) throw new Error('must be a number');
      return Number(text);
    };
    return fieldOf(name, input, description, read, isRequired);
  }
  if (type === 'string') {
    const isLong = (schema['maxLength'] ?? 0) > 500 || (typeof example === 'string' && example.includes('\n'));
    const input = isLong ? make('textarea', { rows: 3 }) : make('input', { type: 'text', autocomplete: 'off' });
    input.value = typeof example === 'string' ? example : '';
    // An empty text is a value where one is wanted.
    const read = () => (input.value === '' && !isRequired ? undefined : input.value);
    return fieldOf(name, input, description, read, isRequired);
  }
  return jsonField(name, example, 'JSON', 3, isRequired);
}

/** Whether each property can have a field. @param {Schema} schema */
export const isPlain = ({ type, properties, anyOf, oneOf, allOf, $ref }) =>
  type === 'object' &&
  !anyOf &&
  !oneOf &&
  !allOf &&
  !$ref &&
  typeof properties === 'object' &&
  properties !== null &&
  Object.keys(properties).length <= fieldsMax;

/**
 * @param {Schema} schema of an object
 * @param {Record<string, unknown>} example
 * @returns {Map<string, Field>}
 */
export function fieldsOf({ properties, required = [] }, example) {
  return new Map(
    Object.entries(/** @type {Record<string, Schema>} */ (properties)).map(([name, schema]) => [
      name,
      fieldFor(name, schema, example[name] ?? schema['default'], required.includes(name)),
    ]),
  );
}
