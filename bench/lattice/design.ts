import { NAMESPACE_TYPES, type NamespaceType } from '../../lib/index.ts';
import { type FlagSet, setOf } from '../cases/flag-set.ts';

/** A choice of sets out of all 256. */
export interface Design {
  readonly sets: readonly FlagSet[];
  /** Whether what two flags cost together can be told from what each costs. */
  readonly pairs: boolean;
}

/** How many sets a design has: all, a quarter (resolution V: pairs can be told), a sixteenth (IV: single flags only). */
export const DESIGN_SIZES = [256, 64, 16] as const;
export type DesignSize = (typeof DESIGN_SIZES)[number];

/**
 * The flags that are free, and which of them make up each of the others: it is there when an odd number of those is.
 * These are the regular fractions of two-level designs with eight factors; each flag is in half of the sets, each pair
 * of flags in a quarter.
 */
const FRACTIONS: Readonly<
  Record<DesignSize, { readonly free: number; readonly made: readonly (readonly number[])[] }>
> = {
  256: { free: 8, made: [] },
  64: {
    free: 6,
    made: [
      [0, 1, 2, 3],
      [0, 1, 4, 5],
    ],
  },
  16: {
    free: 4,
    made: [
      [1, 2, 3],
      [0, 2, 3],
      [0, 1, 3],
      [0, 1, 2],
    ],
  },
};

/** The sets of a design; the first is the empty one. */
export const designOf = (size: DesignSize): Design => {
  const { free, made } = FRACTIONS[size];
  const sets = Array.from({ length: 2 ** free }, (_, bits): FlagSet => {
    const on = (index: number): boolean => ((bits >> index) & 1) === 1;
    const all = [
      ...Array.from({ length: free }, (_, index) => on(index)),
      ...made.map((from) => from.filter(on).length % 2 === 1),
    ];
    return setOf(...NAMESPACE_TYPES.filter((_, index): boolean => all[index] === true));
  });
  return { sets, pairs: size !== 16 };
};

/** The fewest rounds of which a median is worth fitting. */
const LEAST_ROUNDS = 20;

/**
 * The largest design for which there is time.
 *
 * @param caseMs - what one case of one round takes
 * @param budgetMs - what all of it may take; null for as long as it takes
 * @param rounds - how many were asked for; fewer will do
 */
export const affordableSize = (caseMs: number, budgetMs: number | null, rounds: number): DesignSize => {
  const least = Math.min(rounds, LEAST_ROUNDS);
  return DESIGN_SIZES.find((size) => budgetMs === null || size * caseMs * (least + 1) <= budgetMs) ?? 16;
};

/** Types by pairs, each once. */
export const pairsOf = (types: readonly NamespaceType[]): readonly (readonly [NamespaceType, NamespaceType])[] =>
  types.flatMap((a, index) => types.slice(index + 1).map((b) => [a, b] as const));
