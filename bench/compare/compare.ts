import type { BenchRun } from '../run.ts';
import { bootstrapMedians, resamplesFor } from '../statistics/bootstrap.ts';
import type { Difference } from '../statistics/difference.ts';
import { holm } from '../statistics/holm.ts';
import { mannWhitney } from '../statistics/mann-whitney.ts';
import type { Random } from '../statistics/random.ts';
import { medianRatio } from '../statistics/ratio.ts';
import { summarize } from '../statistics/summary.ts';
import type { Baseline } from './baseline.ts';
import { type Comparable, comparablesOf } from './comparable.ts';
import { type ComparedCost, compareCosts } from './compare-costs.ts';
import { type FactDifference, findDifferences } from './fingerprint.ts';
import { CERTAIN, type Verdict, verdictOf } from './verdict.ts';

/** What became of one row since the earlier run. */
interface ComparedRow {
  readonly id: string;
  readonly quantity: string;
  readonly way: string;
  readonly flags: string;
  /** Medians, nanoseconds. */
  readonly beforeNs: number;
  readonly nowNs: number;
  /** Now through before. */
  readonly ratio: Difference;
  /** Mann-Whitney, corrected for the number of rows. */
  readonly p: number;
  readonly verdict: Verdict;
}

/** A run beside an earlier one. */
export interface Comparison {
  readonly baseline: { readonly version: string; readonly startedAt: string; readonly command: readonly string[] };
  readonly noise: number;
  /** Cases, phases, points of axes. */
  readonly rows: readonly ComparedRow[];
  /** Flags and pairs, of a lattice. */
  readonly costs: readonly ComparedCost[];
  /** How many rounds each run needs for a change of all of them to be beyond doubt; null when the rows have as many. */
  readonly roundsWanted: number | null;
  /** What only one of the two runs has. */
  readonly unmatched: readonly string[];
  /** In what the machines differ, and what they ran; none means that the runs compare. */
  readonly differences: readonly FactDifference[];
}

const compareOne = (
  { id, quantity, way, flags, samples }: Comparable,
  before: readonly number[],
  random: Random,
): Omit<ComparedRow, 'verdict'> | null => {
  const [old, now] = [summarize(before), summarize(samples)];
  if (old === null || now === null) return null;
  const resamples = resamplesFor(before.length + samples.length);
  // Two runs have no rounds in common: each is resampled for itself.
  const [oldMedians] = bootstrapMedians([before], resamples, random);
  const [nowMedians] = bootstrapMedians([samples], resamples, random);
  if (oldMedians === undefined || nowMedians === undefined) return null;
  return {
    ...{ id, quantity, way, flags, beforeNs: old.p50, nowNs: now.p50 },
    ratio: medianRatio({ median: now.p50, resampled: nowMedians }, { median: old.p50, resampled: oldMedians }),
    p: mannWhitney(samples, before)?.p ?? 1,
  };
};

/** The least probability that two lists can have of which one lies wholly above the other. */
const leastP = (count: number): number => {
  const list = Array.from({ length: count }, (_, index) => index);
  const above = list.map((value) => value + count);
  return mannWhitney(list, above)?.p ?? 1;
};

const roundsWanted = (counts: readonly number[], rows: number): number | null => {
  const proves = (count: number): boolean => leastP(count) * rows < CERTAIN;
  if (counts.length === 0 || proves(Math.min(...counts))) return null;
  let wanted = 1;
  while (!proves(wanted)) wanted += 1;
  return wanted;
};

/** What is compared of a run. */
type Compared = Pick<BenchRun, 'tables' | 'phases' | 'scaling' | 'marginal' | 'context' | 'options'>;

/**
 * Compares a run with an earlier one.
 *
 * @remarks A row is called slower when its ranks leave no doubt (1%, corrected for the number of rows) and the whole
 * interval of its ratio lies above 1 + noise.
 * @param noise - by which part two runs of the same thing may differ
 */
export const compareRuns = (run: Compared, baseline: Baseline, noise: number, random: Random): Comparison => {
  const unmatched: string[] = [];
  const seen = new Set<string>();
  const counts: number[] = [];
  const rows = comparablesOf(run).flatMap((one) => {
    seen.add(`${one.id} ${one.quantity}`);
    const before = baseline.samples.get(one.id)?.[one.quantity] ?? [];
    const compared = compareOne(one, before, random);
    if (compared === null) unmatched.push(one.id);
    else counts.push(Math.min(before.length, one.samples.length));
    return compared === null ? [] : [compared];
  });
  for (const [id, samples] of baseline.samples) {
    if (Object.keys(samples).some((quantity) => !seen.has(`${id} ${quantity}`))) unmatched.push(id);
  }
  const corrected = holm(rows.map(({ p }) => p));
  const { version, startedAt, command } = baseline;
  return {
    baseline: { version, startedAt, command },
    noise,
    rows: rows.map((row, index) => {
      const p = corrected[index] ?? 1;
      return { ...row, p, verdict: verdictOf(row.ratio, p, [1 / (1 + noise), 1 + noise]) };
    }),
    costs: compareCosts(run.marginal, baseline, noise),
    roundsWanted: roundsWanted(counts, rows.length),
    unmatched: [...new Set(unmatched)],
    differences: findDifferences(
      { ...baseline.context, command: command.join(' ') },
      { ...run.context, command: [run.options.command, ...run.options.args].join(' ') },
    ),
  };
};
