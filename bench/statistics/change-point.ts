import { median } from 'simple-statistics';

/** Where a series changes its level. */
export interface ChangePoint {
  /** The index of the first value of the new level. */
  readonly at: number;
  /** How likely a change as clear as this is in a series that has none. */
  readonly p: number;
  /** The medians before and after. */
  readonly before: number;
  readonly after: number;
}

/** Ranks from 1 on; equal values share their mean rank. */
const ranksOf = (values: readonly number[]): Float64Array => {
  const order = [...values.keys()].sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const ranks = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to] as number] === values[order[from] as number]) to += 1;
    for (let k = from; k < to; k += 1) ranks[order[k] as number] = (from + to + 1) / 2;
    from = to;
  }
  return ranks;
};

/** Below this many values nothing can be told. */
const LEAST = 10;

/**
 * Looks for the one place where a series most clearly changes its level (Pettitt's test, which goes by ranks: a single
 * outlier is no change).
 *
 * @returns the place with its probability, however unlikely; null for a series that is too short
 */
export const changePoint = (values: readonly number[]): ChangePoint | null => {
  const size = values.length;
  if (size < LEAST) return null;
  const ranks = ranksOf(values);
  let sum = 0;
  let most = 0;
  let clearest = 0;
  let at = 1;
  for (let index = 0; index < size - 1; index += 1) {
    sum += 2 * (ranks[index] ?? 0) - (size + 1);
    const length = index + 1;
    most = Math.max(most, Math.abs(sum));
    // The test's own maximum is drawn to the middle: in its own spread, the place is found near the ends, too.
    const clear = Math.abs(sum) / Math.sqrt(length * (size - length));
    if (clear > clearest) {
      clearest = clear;
      at = length;
    }
  }
  return {
    at,
    p: Math.min(1, 2 * Math.exp((-6 * most ** 2) / (size ** 3 + size ** 2))),
    before: median(values.slice(0, at)),
    after: median(values.slice(at)),
  };
};

/** A change that comes about by accident in one of a thousand series without any. */
const CERTAIN = 0.001;

/** No more than this part of a series is taken for its warm-up. */
const MOST_WARM_UP = 1 / 3;

/**
 * Tells how many values at the beginning are a warm-up: they lie above what follows, by change-points that are too clear
 * for accidents. What is left is looked at again, so that a level between cold and warm goes, too.
 */
export const warmUpLength = (values: readonly number[]): number => {
  const most = Math.floor(values.length * MOST_WARM_UP);
  let length = 0;
  // The clearest change of the whole may lie further on; what matters here is in the first part.
  for (let window = Math.min(values.length, Math.max(2 * LEAST, 2 * most)); ; ) {
    const found = changePoint(values.slice(length, window));
    if (found === null || found.p > CERTAIN || found.before <= found.after || length + found.at > most) return length;
    length += found.at;
    window = Math.min(values.length, Math.max(window, length + 2 * LEAST));
  }
};

/** The change of a series that is too clear for an accident; null when there is none. */
export const findChange = (values: readonly number[]): ChangePoint | null => {
  const found = changePoint(values);
  return found !== null && found.p <= CERTAIN ? found : null;
};
