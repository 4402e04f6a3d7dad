// Medians and their spread; every figure of the report goes through here.

export const median = (values: readonly number[]): number => percentile(values, 50);

/** Nearest rank; NaN when there is no value. */
export function percentile(values: ArrayLike<number>, percent: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1);
  return sorted[rank] ?? Number.NaN;
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

export const spread = (values: readonly number[]): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
});

/** Ratios of two contestants round by round: what happened to the machine in a round happened to both. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
}
