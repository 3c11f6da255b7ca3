import type { ResampledMedians } from './bootstrap.ts';
import { isDistinct, medianDifference } from './difference.ts';

/** A row that takes part in a ranking. */
export interface Ranked {
  readonly name: string;
  readonly median: number;
  readonly resampled: ResampledMedians;
}

/**
 * Finds the rows whose place among their neighbours is not certain.
 *
 * @param rows - resampled together
 * @returns groups of two or more names, in the order of their medians; within a group each row's difference to the next
 * has an interval that contains 0
 */
export const unrankable = (rows: readonly Ranked[]): readonly (readonly string[])[] => {
  const groups: string[][] = [];
  const sorted = [...rows].sort((a, b) => a.median - b.median);
  let group: string[] = [];
  for (const [index, row] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before !== undefined && !isDistinct(medianDifference(row, before))) group.push(row.name);
    else {
      group = [row.name];
      groups.push(group);
    }
  }
  return groups.filter(({ length }) => length > 1);
};
