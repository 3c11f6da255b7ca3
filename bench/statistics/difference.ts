import type { ResampledMedians } from './bootstrap.ts';
import { interval } from './interval.ts';

/** How much one median lies above another, with its 95% interval. */
export interface Difference {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The difference of two medians with its uncertainty.
 *
 * @param a - the median that is looked at, and its resampled ones
 * @param b - the median that it is compared with; resampled together with `a`
 */
export const medianDifference = (
  a: { readonly median: number; readonly resampled: ResampledMedians },
  b: { readonly median: number; readonly resampled: ResampledMedians },
): Difference => ({
  value: a.median - b.median,
  ...interval(a.resampled.map((median, draw) => median - (b.resampled[draw] ?? Number.NaN))),
});

/** Whether the interval leaves no doubt which of the two is larger. */
export const isDistinct = ({ low, high }: Difference): boolean => low > 0 || high < 0;
