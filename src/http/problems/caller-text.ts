// Text of callers or of the broker for a response: shortened, and without control characters.

/** A detail, and any text inside one, has at most this many characters. */
const detailCharactersMax = 80;

const controlCharacters = /\p{Cc}/gu;

/** At most `max` characters. The cut is shown, and never leaves half of a surrogate pair. */
export function cut(text: string, max: number = detailCharactersMax): string {
  // Cut first, so that a huge text costs no more.
  const clean = text.slice(0, max + 1).replace(controlCharacters, ' ');
  if (clean.length <= max) return clean;
  return `${clean.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
