import { mean, quantileSorted, sampleStandardDeviation } from 'simple-statistics';

/** What a list of durations boils down to; nanoseconds. */
export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly mean: number;
  /** The sample's standard deviation; 0 for a single sample. */
  readonly deviation: number;
  readonly min: number;
  readonly max: number;
  /** How many of them would fit into a second, one after the other: a second through the mean. */
  readonly opsPerSecond: number;
}

/** The fewest samples of which the 99th percentile is not simply near the largest one. */
export const SAMPLES_FOR_P99 = 100;

/**
 * Summarises durations.
 *
 * @remarks Quantiles interpolate between neighbours (type 7, the default of R and NumPy).
 * @param durationsNs - nanoseconds, in any order
 * @returns null when there are none
 */
export const summarize = (durationsNs: readonly number[]): Summary | null => {
  if (durationsNs.length === 0) return null;
  const sorted = [...durationsNs].sort((a, b) => a - b);
  const average = mean(sorted);
  return {
    count: sorted.length,
    p50: quantileSorted(sorted, 0.5),
    p90: quantileSorted(sorted, 0.9),
    p99: quantileSorted(sorted, 0.99),
    p999: quantileSorted(sorted, 0.999),
    mean: average,
    deviation: sorted.length > 1 ? sampleStandardDeviation(sorted) : 0,
    min: quantileSorted(sorted, 0),
    max: quantileSorted(sorted, 1),
    opsPerSecond: 1e9 / average,
  };
};
