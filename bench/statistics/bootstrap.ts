import type { Random } from './random.ts';

/** The same samples drawn again and again with replacement, and the median of each draw. */
export type ResampledMedians = Float64Array;

/** The most steps that one bootstrap may take; keeps long runs from waiting longer for their statistics. */
const MOST_STEPS = 200_000_000;

/** How often to resample so many samples: 1,000 times, less often when there are very many. */
export const resamplesFor = (samples: number): number =>
  Math.max(100, Math.min(1000, Math.floor(MOST_STEPS / Math.max(1, samples))));

const sortedOrder = (values: readonly number[]): Uint32Array => {
  const order = Uint32Array.from(values.keys());
  return order.sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
};

/** The median of a draw, told by how often each index was drawn. */
const drawnMedian = (values: readonly number[], order: Uint32Array, drawn: Uint32Array): number => {
  const size = values.length;
  const lowerRank = (size - 1) >> 1;
  const upperRank = size >> 1;
  let lower = 0;
  let passed = 0;
  let found = false;
  for (const index of order) {
    passed += drawn[index] ?? 0;
    if (!found && passed > lowerRank) {
      lower = values[index] ?? 0;
      found = true;
    }
    if (passed > upperRank) return (lower + (values[index] ?? 0)) / 2;
  }
  return lower;
};

/**
 * Resamples several series together and takes the medians.
 *
 * @remarks A series' k-th sample comes from the k-th round of the run, and all series are drawn by the same rounds: what
 * a slow round did to all of them cancels out in the differences. Series of different lengths are drawn apart.
 * @param series - one without samples has NaN for medians
 * @param resamples - how many draws
 * @returns the medians by series, each list in the order of the draws
 */
export const bootstrapMedians = (
  series: readonly (readonly number[])[],
  resamples: number,
  random: Random,
): readonly ResampledMedians[] => {
  const orders = series.map(sortedOrder);
  const medians = series.map(() => new Float64Array(resamples));
  const drawnByLength = new Map(series.map(({ length }) => [length, new Uint32Array(length)]));
  for (let draw = 0; draw < resamples; draw += 1) {
    for (const [length, drawn] of drawnByLength) {
      drawn.fill(0);
      for (let k = 0; k < length; k += 1) {
        const index = Math.floor(random() * length);
        drawn[index] = (drawn[index] ?? 0) + 1;
      }
    }
    for (const [row, values] of series.entries()) {
      const [order, drawn, into] = [orders[row], drawnByLength.get(values.length), medians[row]];
      if (order === undefined || drawn === undefined || into === undefined) continue;
      into[draw] = values.length === 0 ? Number.NaN : drawnMedian(values, order, drawn);
    }
  }
  return medians;
};
