import { quantileSorted } from 'simple-statistics';

/** Quantiles of samples, in their unit. */
export const summarize = (samples: readonly number[]): { readonly p50: number; readonly p90: number } => {
  const sorted = [...samples].sort((a, b) => a - b);
  return { p50: quantileSorted(sorted, 0.5), p90: quantileSorted(sorted, 0.9) };
};
