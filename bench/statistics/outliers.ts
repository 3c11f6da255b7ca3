import { quantileSorted } from 'simple-statistics';

/** How many interquartile ranges above the upper quartile something is far out, after Tukey. */
const FAR_OUT = 3;

/** The part of the samples that lie far above all others. */
export const farOutShare = (values: readonly number[]): number => {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const upper = quantileSorted(sorted, 0.75);
  const fence = upper + FAR_OUT * (upper - quantileSorted(sorted, 0.25));
  return sorted.filter((value) => value > fence).length / sorted.length;
};
