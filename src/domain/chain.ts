// A list in the order of arrival, from which any item can be removed at once. A Set would keep memory when items come and go all
// the time: V8 makes a new table for a Set every few removals, and the old table keeps its items and points to the new table. A
// table in the old generation so keeps all later tables alive, with all their items, until the next full collection
// (docs/decisions/0013-v8-memory.md).

/** An item can be in one chain at a time, which sets its links. */
export interface Linked<T> {
  before?: T | undefined;
  after?: T | undefined;
}

export interface Chain<T> {
  readonly first: T | undefined;
  add(item: T): void;
  /** False when the item is not in the chain. */
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
