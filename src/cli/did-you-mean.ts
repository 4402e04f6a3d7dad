// Finds the known name that is closest to a misspelt name.

/** With more edits the names are taken for different words. */
const editsMax = 2;
/** From this length on the first letters of a name are enough. */
const prefixCharsMin = 3;

/** Undefined when no name is close. */
export function closestName(given: string, names: readonly string[]): string | undefined {
  const longer = names.find((name) => given.length >= prefixCharsMin && name.startsWith(given));
  if (longer !== undefined) return longer;
  const [closest] = names
    .filter(({ length }) => Math.abs(length - given.length) <= editsMax)
    .map((name) => ({ name, edits: editsBetween(given, name) }))
    .filter(({ name, edits }) => edits <= editsMax && edits < name.length / 2)
    .sort((one, other) => one.edits - other.edits);
  return closest?.name;
}

/** For the end of a sentence; empty when no name is close. */
export function didYouMean(given: string, names: readonly string[]): string {
  const name = closestName(given, names);
  return name === undefined ? '' : `, did you mean ${name}?`;
}

/** Levenshtein's distance: letters that are added, left out or replaced. */
function editsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let place = 0; place < one.length; place++) {
    const next = [place + 1];
    for (let at = 0; at < other.length; at++) {
      const replaced = (row[at] as number) + Number(one[place] !== other[at]);
      next.push(Math.min(replaced, (row[at + 1] as number) + 1, (next[at] as number) + 1));
    }
    row = next;
  }
  return row.at(-1) as number;
}
