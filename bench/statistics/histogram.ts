import { createHistogram } from 'node:perf_hooks';

/** A point of a distribution: so many percent of all samples are at most so long. */
export interface PercentilePoint {
  readonly percent: number;
  readonly ns: number;
}

/** The percents of a latency curve: each step halves what is left above. */
const percentsFor = (count: number): readonly number[] => {
  const percents: number[] = [];
  for (let left = 100; left * count >= 100; left /= 2 ** 0.5) percents.push(100 - left);
  return percents.slice(1);
};

/**
 * The distribution of durations as a high dynamic range histogram gives it, which is the one of Node.js itself: three
 * significant figures, from a nanosecond to an hour.
 *
 * @param durationsNs - nanoseconds; less than one counts as one
 * @returns points up to the percentile above which there is a single sample, and the largest one; none for no samples
 */
export const percentileCurve = (durationsNs: readonly number[]): readonly PercentilePoint[] => {
  if (durationsNs.length === 0) return [];
  const histogram = createHistogram({ lowest: 1, highest: 3_600_000_000_000, figures: 3 });
  for (const ns of durationsNs) histogram.record(Math.max(1, Math.round(ns)));
  return [...percentsFor(durationsNs.length), 100].map((percent) => ({
    percent,
    ns: percent === 100 ? histogram.max : histogram.percentile(percent),
  }));
};

/**
 * Counts samples in bins of equal ratio.
 *
 * @param low - where the first bin begins, above 0; what is below counts in it
 * @param high - where the last one ends; what is above counts in it
 */
export const logBins = (values: readonly number[], low: number, high: number, bins: number): readonly number[] => {
  const counts = new Array<number>(bins).fill(0);
  const scale = high > low ? bins / Math.log(high / low) : 0;
  for (const value of values) {
    const bin = Math.floor(Math.log(Math.max(value, low) / low) * scale);
    const index = Math.min(bins - 1, bin);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
};
