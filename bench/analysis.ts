import { type Case, isInside, wayName } from './cases/case.ts';
import { NO_FLAGS } from './cases/flag-set.ts';
import type { Rounds } from './measure/rounds.ts';
import { QUANTITIES, type Quantity, type Refusal } from './measure/sample.ts';
import { bootstrapMedians, type ResampledMedians, resamplesFor } from './statistics/bootstrap.ts';
import { type Difference, medianDifference } from './statistics/difference.ts';
import { mannWhitney } from './statistics/mann-whitney.ts';
import type { Random } from './statistics/random.ts';
import { unrankable } from './statistics/ranking.ts';
import { medianRatio } from './statistics/ratio.ts';
import { type Summary, summarize } from './statistics/summary.ts';

/** One row: a case, seen through one quantity. */
export interface Row {
  readonly id: string;
  readonly way: string;
  readonly flags: string;
  /** null when there is no time at all. */
  readonly summary: Summary | null;
  /** What it costs over `none` of the same way; null for `none` itself, and without it. */
  readonly cost: Difference | null;
  /** The same as a ratio, with the probability that ranks say no less by accident (Mann-Whitney). */
  readonly overNone: { readonly ratio: Difference; readonly p: number } | null;
  /** The durations themselves, in the order of the rounds. */
  readonly samples: readonly number[];
  readonly refused: Refusal | null;
}

/** All cases that have a quantity. */
export interface Table {
  readonly quantity: Quantity;
  readonly rows: readonly Row[];
  /** Rows that cannot be told apart, in groups, by their names. */
  readonly unrankable: readonly (readonly string[])[];
}

const PROGRAM_QUANTITIES: ReadonlySet<Quantity> = new Set(['cloneNs', 'totalNs']);

const belongs = ({ way }: Case, quantity: Quantity): boolean => isInside(way) === PROGRAM_QUANTITIES.has(quantity);

interface Timed {
  readonly samples: readonly number[];
  readonly median: number;
  readonly resampled: ResampledMedians;
}

const tableOf = (
  cases: readonly Case[],
  { series }: Rounds,
  quantity: Quantity,
  ranks: boolean,
  random: Random,
): Table => {
  const samples = cases.map(({ id }) => series.get(id)?.samples[quantity] ?? []);
  const summaries = samples.map(summarize);
  const resamples = resamplesFor(samples.reduce((sum, { length }) => sum + length, 0));
  const medians = bootstrapMedians(samples, resamples, random);
  const timed = summaries.map((summary, index): Timed | null => {
    const resampled = medians[index];
    return summary === null || resampled === undefined
      ? null
      : { median: summary.p50, resampled, samples: samples[index] ?? [] };
  });
  const baselines = new Map(
    cases.flatMap(({ way, set }, index) => {
      const baseline = set.name === NO_FLAGS.name ? timed[index] : null;
      return baseline ? [[wayName(way), baseline] as const] : [];
    }),
  );
  const severalWays = new Set(cases.map(({ way }) => wayName(way))).size > 1;
  const rows = cases.map(({ id, way, set }, index): Row => {
    const [self, baseline] = [timed[index] ?? null, baselines.get(wayName(way)) ?? null];
    const compared = self === null || baseline === null || self === baseline ? null : { self, baseline };
    return {
      id,
      way: wayName(way),
      flags: set.name,
      summary: summaries[index] ?? null,
      cost: compared === null ? null : medianDifference(compared.self, compared.baseline),
      overNone:
        compared === null
          ? null
          : {
              ratio: medianRatio(compared.self, compared.baseline),
              p: mannWhitney(compared.self.samples, compared.baseline.samples)?.p ?? 1,
            },
      samples: samples[index] ?? [],
      refused: series.get(id)?.refused ?? null,
    };
  });
  const ranked = rows.flatMap(({ way, flags }, index) => {
    const self = timed[index];
    return self ? [{ name: severalWays ? `${way} ${flags}` : flags, ...self }] : [];
  });
  return { quantity, rows, unrankable: ranks ? unrankable(ranked) : [] };
};

/**
 * Computes a run's tables.
 *
 * @param cases - in the order in which rows are to stand
 * @param ranks - whether to look for rows that cannot be ranked
 * @param random - resamples; seeded, the same run gives the same tables
 * @returns a table for each quantity that any case can have
 */
export const analyse = (cases: readonly Case[], rounds: Rounds, ranks: boolean, random: Random): readonly Table[] =>
  QUANTITIES.flatMap((quantity) => {
    const rows = cases.filter((one) => belongs(one, quantity));
    return rows.length === 0 ? [] : [tableOf(rows, rounds, quantity, ranks, random)];
  });
