import { mean, quantileSorted, sampleStandardDeviation } from 'simple-statistics';

/** Some quantiles of samples, in their unit; NaN when there are none. */
interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly min: number;
  readonly max: number;
}

/** What a list of durations boils down to; nanoseconds. */
export interface Summary extends Quantiles {
  readonly count: number;
  readonly mean: number;
  /** The sample's standard deviation; 0 for a single sample. */
  readonly deviation: number;
  /** How many of them would fit into a second, one after the other: a second through the mean. */
  readonly opsPerSecond: number;
}

/** The fewest samples of which the 99th percentile is not simply near the largest one. */
export const SAMPLES_FOR_P99 = 100;

/** Takes quantiles, which interpolate between neighbours (type 7, the default of R and NumPy). */
export const quantilesOf = (samples: readonly number[]): Quantiles => {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (part: number): number => (sorted.length === 0 ? Number.NaN : quantileSorted(sorted, part));
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), min: at(0), max: at(1) };
};

/**
 * Summarises durations.
 *
 * @param durationsNs - nanoseconds, in any order
 * @returns null when there are none
 */
export const summarize = (durationsNs: readonly number[]): Summary | null => {
  if (durationsNs.length === 0) return null;
  const average = mean([...durationsNs]);
  return {
    ...quantilesOf(durationsNs),
    count: durationsNs.length,
    mean: average,
    deviation: durationsNs.length > 1 ? sampleStandardDeviation([...durationsNs]) : 0,
    opsPerSecond: 1e9 / average,
  };
};
