import { mean, median } from 'simple-statistics';

/**
 * How slow each round was as a whole: the mean logarithm of its durations over the median of their list. 0 is usual, 0.1
 * is 10% slower.
 *
 * @param lists - durations in the order of the rounds, all of one length
 */
export const roundLevels = (lists: readonly (readonly number[])[]): readonly number[] => {
  const logs = lists.map((list) => {
    const usual = Math.max(1, list.length === 0 ? 1 : median([...list]));
    return list.map((ns) => Math.log(Math.max(1, ns) / usual));
  });
  return (logs[0] ?? []).map((_, round) => mean(logs.map((list) => list[round] ?? 0)));
};

/** The mean of several lists, place by place; a shorter one counts as far as it goes. */
export const meanLevels = (lists: readonly (readonly number[])[]): readonly number[] =>
  Array.from({ length: Math.max(0, ...lists.map(({ length }) => length)) }, (_, place) =>
    mean(lists.flatMap((list) => list[place] ?? [])),
  );
