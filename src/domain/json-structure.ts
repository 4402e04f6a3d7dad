// How many arrays and objects a JSON text holds and how deep they are nested, found without parsing it, because each of them
// costs V8's collector far more than its bytes. 512 KiB of `[[[[` that end wrongly blocked the process for 85 ms. As many in the
// entries of a batch, which live while the entries are checked, blocked it for 65 ms.

const quote = 0x22;
const backslash = 0x5c;
const openingBracket = 0x5b;
const closingBracket = 0x5d;
/** Only this bit tells a brace from a bracket. */
const braceBit = 0x20;

/** The index of the quote that ends the string whose content starts at `from`; the text's length when there is none. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (at - escapes > from && text.charCodeAt(at - escapes - 1) === backslash) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}

export interface StructureLimits {
  depthMax: number;
  countMax: number;
}

/** True when the text holds more of them, or deeper ones, than the limits allow. For a text that is no JSON it may be either. */
export function isOverbuilt(text: string, { depthMax, countMax }: StructureLimits): boolean {
  let depth = 0;
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at + 1);
    else if ((code & ~braceBit) === openingBracket) {
      depth += 1;
      count += 1;
      if (depth > depthMax || count > countMax) return true;
    } else if ((code & ~braceBit) === closingBracket) depth -= 1;
  }
  return false;
}

/**
 * The limits of the values that a caller puts into a job. The embedded broker reads 500 levels in a whole line
 * (src/broker/protocol/go-json.ts), and V8's JSON.stringify fails at some thousands.
 */
const depthMax = 400;
const limits: StructureLimits = { depthMax, countMax: Infinity };

/** True when the text has so few brackets in all that it cannot be too deep. The search is faster than a walk. */
function isFlat(json: string): boolean {
  let count = 0;
  for (const bracket of ['{', '[']) {
    for (let at = json.indexOf(bracket); at !== -1; at = json.indexOf(bracket, at + 1)) {
      count += 1;
      if (count > depthMax) return false;
    }
  }
  return true;
}

/** The value's JSON, or a sentence about the problem. Never throws for a value that was parsed from JSON. */
export function encodeJson(value: unknown): { json: string } | { problem: string } {
  try {
    const json = JSON.stringify(value);
    if (isFlat(json) || !isOverbuilt(json, limits)) return { json };
  } catch {
    // A RangeError: the value has more levels than the stack.
  }
  return { problem: `must be at most ${depthMax} levels deep` };
}

/** True for an object in the sense of JSON: no array, and not null. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
