// Elements made of attributes and text: nothing that a job, a caller or the broker wrote can become markup.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>} Attributes */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes] functions listen to the event of that name; false and null are left out
 * @param {...Child} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children)
    if (child !== false && child != null) element.append(child instanceof Node ? child : String(child));
  return element;
}

/**
 * An element that the page has from the start.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`there is no element ${id}`);
  return element;
}

/**
 * Writes only what has changed: a selection, and a screen reader's place, stay.
 *
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Rows by key: those that stay are kept, with the focus in them.
 *
 * @template Item
 * @template {HTMLElement} Row
 * @param {HTMLElement} parent
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => Row} create
 * @param {(row: Row, item: Item) => void} update
 */
export function createRows(parent, keyOf, create, update) {
  /** @type {Map<string, Row>} */
  let rows = new Map();
  /** @param {readonly Item[]} items */
  return (items) => {
    /** @type {Map<string, Row>} */
    const next = new Map();
    for (const item of items) {
      const row = rows.get(keyOf(item)) ?? create(item);
      update(row, item);
      next.set(keyOf(item), row);
    }
    for (const [key, row] of rows) if (!next.has(key)) row.remove();
    let at = parent.firstElementChild;
    for (const row of next.values()) {
      if (row === at) at = at.nextElementSibling;
      else parent.insertBefore(row, at);
    }
    rows = next;
  };
}

/**
 * Room for as many rows as there have been: one that goes and comes again moves nothing.
 *
 * @param {HTMLElement} list
 * @param {number} rows
 * @param {number} [rowsMax] further rows are scrolled to
 */
export function keepRoom(list, rows, rowsMax = Infinity) {
  const wanted = Math.min(rows, rowsMax);
  if (wanted > Number(list.style.getPropertyValue('--rows'))) list.style.setProperty('--rows', String(wanted));
}

/** @type {number | undefined} */
let toastTimer;

/**
 * Tells what was done, on the page and to screen readers.
 *
 * @param {string} text
 * @param {'good' | 'bad'} [tone]
 */
export function say(text, tone = 'good') {
  const toast = byId('toast');
  toast.dataset['tone'] = tone;
  toast.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (toast.textContent = ''), 8000);
}
