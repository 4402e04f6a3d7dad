// How deep a JSON text is nested, found without parsing it: parsing 512 KiB of `[[[[` that is broken at its end blocked the
// process for 85 ms, most of it V8's collector going through half a million unfinished arrays.

const quote = 0x22;
const backslash = 0x5c;
const openingBracket = 0x5b;
const closingBracket = 0x5d;
/** Braces differ from brackets in this bit only. */
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

/** True when arrays and objects are nested deeper than `max`. Of a text that is no JSON it may say either. */
export function isNestedDeeper(text: string, max: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at + 1);
    else if ((code & ~braceBit) === openingBracket) {
      depth += 1;
      if (depth > max) return true;
    } else if ((code & ~braceBit) === closingBracket) depth -= 1;
  }
  return false;
}
