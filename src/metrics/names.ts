// Names that come from outside, for example names of queues, become values of labels only up to a limit. Every value is a
// series in every scraper, and a caller who makes up names would fill its memory.

export interface Names {
  /** These names are always labels of their own. */
  know(names: Iterable<string>): void;
  /** The name itself, or `other` when there are too many. */
  labelOf(name: string): string;
}

/** Names besides the known ones. */
export const namesMax = 100;

export function createNames(): Names {
  const known = new Set<string>();
  const seen = new Set<string>();
  return {
    know(names) {
      for (const name of names) known.add(name);
    },
    labelOf(name) {
      if (known.has(name) || seen.has(name)) return name;
      if (seen.size >= namesMax) return 'other';
      seen.add(name);
      return name;
    },
  };
}
