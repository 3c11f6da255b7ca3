import { NAMESPACE_TYPES, type NamespaceType } from '../../lib/index.ts';
import type { Table } from '../analysis.ts';
import type { Case } from '../cases/case.ts';
import type { Quantity } from '../measure/sample.ts';
import { bootstrapMedians, resamplesFor } from '../statistics/bootstrap.ts';
import { holm } from '../statistics/holm.ts';
import { type Coefficient, isEstimable, leastSquares } from '../statistics/least-squares.ts';
import type { Random } from '../statistics/random.ts';
import { pairsOf } from './design.ts';

/** What each flag costs, and each pair, as a model of all sets that were measured. Nanoseconds. */
export interface MarginalCosts {
  readonly quantity: Quantity;
  readonly way: string;
  /** How many sets it is laid through. */
  readonly sets: number;
  /** A set with half of everything: where the model stands in the middle. */
  readonly mean: Coefficient;
  /** What a flag adds on average over all sets that it can be added to. */
  readonly flags: readonly { readonly type: NamespaceType; readonly cost: Coefficient }[];
  /** What two flags together add beyond what each does; p is corrected for the number of pairs. None in a design that cannot tell. */
  readonly pairs: readonly { readonly types: readonly [NamespaceType, NamespaceType]; readonly cost: Coefficient }[];
  /** What the model leaves: the root of the mean square, and the set that it fits worst. */
  readonly residual: { readonly rms: number; readonly worst: { readonly flags: string; readonly value: number } };
  readonly rSquared: number;
}

const HALF = 0.5;

/** Centred, so that a flag's coefficient is what it adds on average, and a pair's is what both add beyond each. */
const level = (has: boolean): number => (has ? HALF : -HALF);

/** Types that are in some of the sets and not in others. */
const varying = (sets: readonly (readonly NamespaceType[])[]): readonly NamespaceType[] =>
  NAMESPACE_TYPES.filter((type) => {
    const count = sets.filter((set) => set.includes(type)).length;
    return count > 0 && count < sets.length;
  });

/**
 * Lays the model through one table's medians.
 *
 * @param pairs - whether to look for what pairs cost; left out when the sets cannot tell them
 * @returns null when the sets that were measured cannot tell the flags apart
 */
export const marginalCosts = (
  { quantity, rows }: Table,
  cases: readonly Case[],
  pairs: boolean,
  random: Random,
): MarginalCosts | null => {
  const setOfCase = new Map(cases.map(({ id, set }) => [id, set]));
  const measured = rows.flatMap(({ id, way, flags, summary, refused, samples }) => {
    const namespaces = setOfCase.get(id)?.namespaces;
    return summary === null || refused !== null || namespaces === undefined
      ? []
      : [{ way, flags, namespaces, samples, median: summary.p50 }];
  });
  const types = varying(measured.map(({ namespaces }) => namespaces));
  // Without privilege each set has `user`, so that nothing can be said of it in pairs.
  const occur = ([a, b]: readonly [NamespaceType, NamespaceType]): boolean =>
    new Set(measured.map(({ namespaces }) => `${namespaces.includes(a)} ${namespaces.includes(b)}`)).size === 4;
  const allPairs = pairs ? pairsOf(types).filter(occur) : [];
  const designWith = (chosen: typeof allPairs): number[][] =>
    measured.map(({ namespaces }) => {
      const has = (type: NamespaceType): number => level(namespaces.includes(type));
      return [1, ...types.map(has), ...chosen.map(([a, b]) => has(a) * has(b))];
    });
  const usedPairs = isEstimable(designWith(allPairs)) ? allPairs : [];
  const design = designWith(usedPairs);
  const [first] = measured;
  if (first === undefined || types.length === 0 || !isEstimable(design)) return null;
  const lists = measured.map(({ samples }) => samples);
  const resamples = resamplesFor(lists.reduce((sum, { length }) => sum + length, 0));
  const observed = measured.map(({ median }) => median);
  const fit = leastSquares(design, observed, bootstrapMedians(lists, resamples, random));
  const [mean, ...others] = fit.coefficients;
  if (mean === undefined) return null;
  const pairCosts = others.slice(types.length);
  const corrected = holm(pairCosts.map(({ p }) => p));
  const worst = fit.residuals.reduce((at, value, index, all) => {
    return Math.abs(value) > Math.abs(all[at] ?? 0) ? index : at;
  }, 0);
  const squares = fit.residuals.reduce((sum, value) => sum + value ** 2, 0);
  const zip = <T, U>(keys: readonly T[], costs: readonly Coefficient[], make: (key: T, cost: Coefficient) => U): U[] =>
    keys.flatMap((key, index) => {
      const cost = costs[index];
      return cost === undefined ? [] : [make(key, cost)];
    });
  return {
    ...{ quantity, way: first.way, sets: measured.length, mean },
    flags: zip(types, others, (type, cost) => ({ type, cost })),
    pairs: zip(usedPairs, pairCosts, (types, cost) => ({ types, cost })).map(({ types, cost }, index) => ({
      types,
      cost: { ...cost, p: corrected[index] ?? 1 },
    })),
    residual: {
      rms: Math.sqrt(squares / fit.residuals.length),
      worst: { flags: measured[worst]?.flags ?? '', value: fit.residuals[worst] ?? 0 },
    },
    rSquared: fit.rSquared,
  };
};
