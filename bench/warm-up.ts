import type { Rounds, Series } from './measure/rounds.ts';
import { warmUpLength } from './statistics/change-point.ts';
import { roundLevels } from './statistics/levels.ts';

/** Every list of durations that has one for each round. */
const wholeLists = ({ rounds, series }: Rounds): readonly (readonly number[])[] =>
  [...series.values()].flatMap(({ samples }) =>
    Object.values(samples).flatMap((list) => (list?.length === rounds ? [list] : [])),
  );

/** How slow each round was, over all cases. */
export const levelsOf = (rounds: Rounds): readonly number[] => roundLevels(wholeLists(rounds));

/** The rounds after the first ones. */
export const withoutFirst = (rounds: Rounds, count: number): Rounds => ({
  ...rounds,
  rounds: Math.max(0, rounds.rounds - count),
  series: new Map(
    [...rounds.series].map(([id, { samples, refused }]): [string, Series] => [
      id,
      {
        samples: Object.fromEntries(
          Object.entries(samples).map(([quantity, list = []]) => [quantity, list.slice(count)]),
        ),
        refused,
      },
    ]),
  ),
});

/** How many rounds at the beginning were slower than those after them. */
export const warmUpOf = (rounds: Rounds): number => warmUpLength(levelsOf(rounds));

/**
 * Takes away the first rounds when they were slower than those after them.
 *
 * @returns what is left, and how many rounds were taken away
 */
export const cutWarmUp = (rounds: Rounds): { readonly rounds: Rounds; readonly cut: number } => {
  const cut = warmUpOf(rounds);
  return { rounds: cut === 0 ? rounds : withoutFirst(rounds, cut), cut };
};
