import { quantileSorted } from 'simple-statistics';

/** The 95% interval of what was resampled: between its percentiles 2.5 and 97.5. */
export const interval = (resampled: Iterable<number>): { readonly low: number; readonly high: number } => {
  const sorted = [...resampled].sort((a, b) => a - b);
  return { low: quantileSorted(sorted, 0.025), high: quantileSorted(sorted, 0.975) };
};
