// Seeded randomness (sfc32): the same seed gives the same numbers on every machine and every version of Node.

export interface Random {
  /** From 0 up to 1, as Math.random. */
  next(): number;
  /** From `low` to `high`, both possible. */
  int(low: number, high: number): number;
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** A stream of its own, so that more draws in one part of the simulation do not shift those of the others. */
  fork(): Random;
}

export function createRandom(seed: number): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed | 0;
  let counter = 1;

  function bits(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  }
  // The first numbers of neighbouring seeds resemble each other.
  for (let round = 0; round < 12; round++) bits();

  const next = (): number => bits() / 0x1_0000_0000;
  const int = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    int,
    between: (low, high) => low + next() * (high - low),
    chance: (probability) => next() < probability,
    pick<T>(items: readonly T[]) {
      return items[int(0, items.length - 1)] as T;
    },
    fork: () => createRandom(bits()),
  };
}
