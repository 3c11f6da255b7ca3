import { errorFunction, wilcoxonRankSum } from 'simple-statistics';

/** What the ranks of two lists say about which of them is larger. */
export interface RankComparison {
  /** How often a sample of the first list is larger than one of the second; equal ones count half. 0.5: no telling. */
  readonly superiority: number;
  /** How likely ranks as uneven as these are when both lists come from one source; two-sided. */
  readonly p: number;
}

/** The sum over groups of equal values of t^3 - t. */
const tieTerm = (sorted: readonly number[]): number => {
  let sum = 0;
  let run = 1;
  for (let index = 1; index <= sorted.length; index += 1) {
    if (index < sorted.length && sorted[index] === sorted[index - 1]) run += 1;
    else {
      sum += run ** 3 - run;
      run = 1;
    }
  }
  return sum;
};

/**
 * The test of Mann, Whitney and Wilcoxon by its normal approximation, corrected for ties and for continuity.
 *
 * @remarks It takes the samples of a list for independent of each other; the approximation is good from eight samples on.
 * @returns null when a list is empty
 */
export const mannWhitney = (a: readonly number[], b: readonly number[]): RankComparison | null => {
  const [m, n] = [a.length, b.length];
  if (m === 0 || n === 0) return null;
  const u = wilcoxonRankSum([...a], [...b]) - (m * (m + 1)) / 2;
  const superiority = u / (m * n);
  const ties = tieTerm([...a, ...b].sort((x, y) => x - y));
  const variance = ((m * n) / 12) * (m + n + 1 - ties / ((m + n) * (m + n - 1)));
  if (!(variance > 0)) return { superiority, p: 1 };
  const away = Math.max(0, Math.abs(u - (m * n) / 2) - 0.5);
  return { superiority, p: 1 - errorFunction(away / Math.sqrt(2 * variance)) };
};
