// Patterns of Redis (util.c, stringmatchlen), on bytes: `*`, `?`, `[ab]`, `[^a]`, `[a-z]`, `\x`. When a match fails, it is tried
// again from the last star only, so the time is at most the length of the pattern times that of the text.

type Token = 'star' | ((byte: number) => boolean);

const [star, question, bracket, closing, caret, dash, backslash] = Buffer.from('*?[]^-\\');

/** @returns the class, and where the pattern continues; a class that is not closed ends with the pattern */
function readClass(pattern: Buffer, start: number): [Token, number] {
  let at = start;
  const negated = pattern[at] === caret;
  if (negated) at++;
  const ranges: [number, number][] = [];
  while (at < pattern.length && pattern[at] !== closing) {
    if (pattern[at] === backslash && at + 1 < pattern.length) at++;
    const first = pattern[at++] as number;
    let last = first;
    if (pattern[at] === dash && at + 1 < pattern.length && pattern[at - 2] !== backslash) {
      last = pattern[at + 1] as number;
      at += 2;
    }
    ranges.push([Math.min(first, last), Math.max(first, last)]);
  }
  return [(byte) => ranges.some(([low, high]) => byte >= low && byte <= high) !== negated, at + 1];
}

function readTokens(pattern: Buffer): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length;) {
    const byte = pattern[at++] as number;
    if (byte === star) {
      if (tokens.at(-1) !== 'star') tokens.push('star');
    } else if (byte === question) tokens.push(() => true);
    else if (byte === bracket) {
      const [token, end] = readClass(pattern, at);
      tokens.push(token);
      at = end;
    } else {
      const wanted = byte === backslash && at < pattern.length ? (pattern[at++] as number) : byte;
      tokens.push((given) => given === wanted);
    }
  }
  return tokens;
}

/** The returned function says whether the whole text matches. */
export function compileGlob(pattern: string): (text: string) => boolean {
  const tokens = readTokens(Buffer.from(pattern));
  return (given) => {
    const text = Buffer.from(given);
    let [token, at, starToken, starAt] = [0, 0, -1, 0];
    while (at < text.length) {
      const wanted = tokens[token];
      if (wanted === 'star') [starToken, starAt] = [token++, at];
      else if (wanted?.(text[at] as number)) [token, at] = [token + 1, at + 1];
      else if (starToken === -1) return false;
      else [token, at] = [starToken + 1, ++starAt];
    }
    return token === tokens.length || (token === tokens.length - 1 && tokens[token] === 'star');
  };
}
