import { quantileSorted } from 'simple-statistics';
import type { ResampledMedians } from './bootstrap.ts';

/** How much one median lies above another, with its 95% interval. */
export interface Difference {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const LOW = 0.025;
const HIGH = 0.975;

/**
 * The difference of two medians with its uncertainty.
 *
 * @param a - the median that is looked at, and its resampled ones
 * @param b - the median that it is compared with; resampled together with `a`
 */
export const medianDifference = (
  a: { readonly median: number; readonly resampled: ResampledMedians },
  b: { readonly median: number; readonly resampled: ResampledMedians },
): Difference => {
  const differences = a.resampled.map((median, draw) => median - (b.resampled[draw] ?? Number.NaN)).sort();
  const sorted = Array.from(differences);
  return { value: a.median - b.median, low: quantileSorted(sorted, LOW), high: quantileSorted(sorted, HIGH) };
};

/** Whether the interval leaves no doubt which of the two is larger. */
export const isDistinct = ({ low, high }: Difference): boolean => low > 0 || high < 0;
