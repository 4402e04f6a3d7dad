// Text of callers and of the broker for a response: cut, and without control characters.

/** A detail, and any text inside one, has at most this many characters. */
const detailCharactersMax = 80;

const controlCharacters = /\p{Cc}/gu;

/** At most `max` characters; the cut is shown, and never leaves half of a surrogate pair. */
export function cut(text: string, max: number = detailCharactersMax): string {
  // Slicing first keeps the cost of a huge text constant.
  const clean = text.slice(0, max + 1).replace(controlCharacters, ' ');
  if (clean.length <= max) return clean;
  return `${clean.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
