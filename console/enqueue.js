// Enqueue: one job by the form of its type, or a pasted batch or NDJSON.
import { tell } from './api.js';
import { byId, make } from './dom.js';
import { createPaste } from './paste.js';
import { createTypeForm } from './type-form.js';

/** @typedef {import('./schema-form.js').Schema} Schema */
/** @typedef {{ name: string, schema: Schema, examples: Record<string, unknown>[] }} Type */

/** Paths below /jobs/ that are no job types. */
const others = new Set(['/jobs/batch', '/jobs/stream']);

/**
 * The types as the API document describes them: it is there without a key.
 *
 * @returns {Promise<Type[]>}
 */
async function readTypes() {
  const response = await fetch('openapi.json');
  if (!response.ok) throw new Error('The API document cannot be read');
  const { paths } = /** @type {{ paths: Record<string, any> }} */ (await response.json());
  return Object.entries(paths)
    .filter(([path, methods]) => /^\/jobs\/[^/{]+$/.test(path) && methods.post && !others.has(path))
    .map(([path, { post }]) => {
      const { schema = {}, example, examples = {} } = post.requestBody?.content?.['application/json'] ?? {};
      const values = Object.values(examples).map(({ value }) => value);
      return { name: path.slice('/jobs/'.length), schema, examples: example === undefined ? values : [example] };
    });
}

export function createEnqueue() {
  const panel = byId('enqueue-panel');
  const typeForm = make('div', {});
  const paste = createPaste();
  paste.hidden = true;
  /** @param {string} value @param {string} text @param {boolean} isChosen */
  const tab = (value, text, isChosen) =>
    make(
      'label',
      { class: 'tab' },
      make('input', {
        type: 'radio',
        name: 'mode',
        value,
        checked: isChosen,
        change: () => {
          typeForm.hidden = value !== 'one';
          paste.hidden = value === 'one';
        },
      }),
      make('span', {}, text),
    );
  panel.append(
    make(
      'fieldset',
      { class: 'tabs' },
      make('legend', { class: 'hidden-title' }, 'How to enqueue'),
      tab('one', 'One job', true),
      tab('paste', 'Many jobs', false),
    ),
    typeForm,
    paste,
  );
  const view = byId('enqueue-view');
  let isOpen = false;

  return {
    /** The types are read once, when the view is first opened. Until then there is nothing that their form could move. */
    async open() {
      if (isOpen) return;
      isOpen = true;
      try {
        typeForm.append(createTypeForm(await readTypes()));
        view.hidden = false;
      } catch (error) {
        isOpen = false;
        tell(error);
      }
    },
  };
}
