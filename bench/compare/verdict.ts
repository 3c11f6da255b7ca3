import type { Difference } from '../statistics/difference.ts';

/** What became of something since an earlier run. */
export type Verdict = 'slower' | 'faster' | 'same';

/** Beyond doubt: a change that comes about by accident once in a hundred comparisons. */
export const CERTAIN = 0.01;

/** Calls a change one when it is beyond doubt, and its whole interval beyond what is noise. */
export const verdictOf = ({ low, high }: Difference, p: number, [least, most]: readonly [number, number]): Verdict => {
  if (p >= CERTAIN) return 'same';
  if (low > most) return 'slower';
  return high < least ? 'faster' : 'same';
};
