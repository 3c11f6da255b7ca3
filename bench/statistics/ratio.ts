import { quantileSorted } from 'simple-statistics';
import type { ResampledMedians } from './bootstrap.ts';
import type { Difference } from './difference.ts';

const LOW = 0.025;
const HIGH = 0.975;

/**
 * The ratio of two medians with its 95% interval.
 *
 * @param a - the median above the line, and its resampled ones
 * @param b - the one below; resampled together with `a` when both come from one run, apart otherwise
 */
export const medianRatio = (
  a: { readonly median: number; readonly resampled: ResampledMedians },
  b: { readonly median: number; readonly resampled: ResampledMedians },
): Difference => {
  const sorted = Array.from(a.resampled.map((median, draw) => median / (b.resampled[draw] ?? Number.NaN)).sort());
  return { value: a.median / b.median, low: quantileSorted(sorted, LOW), high: quantileSorted(sorted, HIGH) };
};
