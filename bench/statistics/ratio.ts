import type { ResampledMedians } from './bootstrap.ts';
import type { Difference } from './difference.ts';
import { interval } from './interval.ts';

/**
 * The ratio of two medians with its 95% interval.
 *
 * @param a - the median above the line, and its resampled ones
 * @param b - the one below; resampled together with `a` when both come from one run, apart otherwise
 */
export const medianRatio = (
  a: { readonly median: number; readonly resampled: ResampledMedians },
  b: { readonly median: number; readonly resampled: ResampledMedians },
): Difference => ({
  value: a.median / b.median,
  ...interval(a.resampled.map((median, draw) => median / (b.resampled[draw] ?? Number.NaN))),
});
