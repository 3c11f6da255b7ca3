import type { MarginalCosts } from '../lattice/marginal-costs.ts';
import type { Difference } from '../statistics/difference.ts';
import { holm } from '../statistics/holm.ts';
import { probability } from '../statistics/least-squares.ts';
import type { Baseline, BaselineCosts } from './baseline.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** What became of the cost of a flag, or of a pair, since the earlier run; nanoseconds. */
export interface ComparedCost {
  readonly quantity: string;
  readonly way: string;
  /** A flag, or both of a pair joined by " and ". */
  readonly what: string;
  readonly beforeNs: number;
  readonly nowNs: number;
  /** Now less before. */
  readonly difference: Difference;
  /** How likely a difference like that is by accident, corrected for the number of costs. */
  readonly p: number;
  readonly verdict: Verdict;
}

/** Half of a 95% interval has so many standard deviations. */
const WITHIN = 1.96;

/** What two models say of one cost may differ by what their rounds leave open, and by how well they fit. */
const spreadOf = (cost: { readonly low: number; readonly high: number }, rms: number, sets: number): number =>
  // With each flag in half of n sets, a coefficient has 2/√n of the spread of a residual.
  Math.hypot((cost.high - cost.low) / (2 * WITHIN), (2 * rms) / Math.sqrt(sets));

const costsOf = ({ flags, pairs }: MarginalCosts) => [
  ...flags.map(({ type, cost }) => ({ what: type as string, cost, factor: 1 })),
  ...pairs.map(({ types, cost }) => ({ what: types.join(' and '), cost, factor: 2 })),
];

/**
 * Compares what flags and pairs cost with an earlier run.
 *
 * @remarks A cost is a difference of two spawns, each of which may be off by the noise: so a difference counts beyond that
 * part of the model's mean.
 */
export const compareCosts = (
  marginal: readonly MarginalCosts[],
  baseline: Pick<Baseline, 'marginal'>,
  noise: number,
): readonly ComparedCost[] => {
  const earlier = ({ quantity, way }: MarginalCosts): BaselineCosts | undefined =>
    baseline.marginal.find((costs) => costs.quantity === quantity && costs.way === way);
  const compared = marginal.flatMap((costs) => {
    const before = earlier(costs);
    if (before === undefined) return [];
    return costsOf(costs).flatMap(({ what, cost, factor }) => {
      const was = before.costs.get(what);
      if (was === undefined) return [];
      const spread = Math.hypot(
        spreadOf(was, factor * before.rms, before.sets),
        spreadOf(cost, factor * costs.residual.rms, costs.sets),
      );
      const value = cost.value - was.value;
      return [
        {
          ...{ quantity: costs.quantity, way: costs.way, what, beforeNs: was.value, nowNs: cost.value },
          difference: { value, low: value - WITHIN * spread, high: value + WITHIN * spread },
          ...{ p: probability(value, spread), threshold: noise * before.mean },
        },
      ];
    });
  });
  const corrected = holm(compared.map(({ p }) => p));
  return compared.map(({ threshold, ...cost }, index) => {
    const p = corrected[index] ?? 1;
    return { ...cost, p, verdict: verdictOf(cost.difference, p, [-threshold, threshold]) };
  });
};
