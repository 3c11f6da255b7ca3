import type { Rounds, Series } from '../measure/rounds.ts';
import type { Refusal } from '../measure/sample.ts';
import { bootstrapMedians, resamplesFor } from '../statistics/bootstrap.ts';
import type { Difference } from '../statistics/difference.ts';
import type { Random } from '../statistics/random.ts';
import { medianRatio } from '../statistics/ratio.ts';
import { type Summary, summarize } from '../statistics/summary.ts';
import type { AxisName } from './axis.ts';

/** One thing that was measured at every point of an axis. */
export interface ScalingRow {
  readonly way: string;
  readonly flags: string;
  /** What it is the time of: `totalNs`, `clone returned`... */
  readonly quantity: string;
  /** In the order of the axis' values; null where there is no time. */
  readonly points: readonly (Summary | null)[];
  readonly samples: readonly (readonly number[])[];
  /** The median at the last point over that at the first; null where one of them is missing, or there is one only. */
  readonly growth: Difference | null;
}

/** How times grow along one axis. */
export interface Scaling {
  readonly axis: AxisName;
  readonly values: readonly number[];
  readonly rows: readonly ScalingRow[];
  /** What was refused, by point. */
  readonly refused: readonly { readonly value: number; readonly what: string; readonly refusal: Refusal }[];
}

const growthOf = (samples: readonly (readonly number[])[], random: Random): Difference | null => {
  const [first = [], last = []] = [samples[0], samples.at(-1)];
  const [before, after] = [summarize(first), summarize(last)];
  if (samples.length < 2 || before === null || after === null) return null;
  // Points have taken turns, block by block: what was slow in one is likely to have been in the other.
  const [low, high] = bootstrapMedians([first, last], resamplesFor(first.length + last.length), random);
  return low === undefined || high === undefined
    ? null
    : medianRatio({ median: after.p50, resampled: high }, { median: before.p50, resampled: low });
};

/** What was measured at all points, by row. */
export const scalingRows = (points: readonly Rounds[], random: Random): readonly ScalingRow[] => {
  const ids = new Set(points.flatMap(({ series }) => [...series.keys()]));
  return [...ids].flatMap((id) => {
    const [way = '', flags = ''] = id.split('|');
    const all: readonly (Series | undefined)[] = points.map(({ series }) => series.get(id));
    const quantities = new Set(all.flatMap((one) => Object.keys(one?.samples ?? {})));
    return [...quantities].map((quantity): ScalingRow => {
      const samples = all.map((one) => one?.samples[quantity] ?? []);
      return { way, flags, quantity, samples, points: samples.map(summarize), growth: growthOf(samples, random) };
    });
  });
};
