// Items in the order in which they came, each removed at once wherever it stands. A Set could do this, but not for what
// comes and goes all the time: V8 gives a Set a new table every few removals, and the old one keeps its items and points to
// the next. One table that was promoted to the old generation therefore keeps all later ones alive, with everything that
// was ever in them, until the next full collection (docs/decisions/0013-v8-memory.md).

/** What can stand in one chain at a time; the links are the chain's. */
export interface Linked<T> {
  before?: T | undefined;
  after?: T | undefined;
}

export interface Chain<T> {
  readonly first: T | undefined;
  add(item: T): void;
  /** False when the item is not in it. */
  delete(item: T): boolean;
}

export function createChain<T extends Linked<T>>(): Chain<T> {
  let first: T | undefined;
  let last: T | undefined;
  return {
    get first() {
      return first;
    },
    add(item) {
      item.before = last;
      item.after = undefined;
      if (last === undefined) first = item;
      else last.after = item;
      last = item;
    },
    delete(item) {
      const { before, after } = item;
      if (before === undefined && first !== item) return false;
      if (before === undefined) first = after;
      else before.after = after;
      if (after === undefined) last = before;
      else after.before = before;
      // A removed item must not keep its neighbours alive.
      item.before = undefined;
      item.after = undefined;
      return true;
    },
  };
}
