import type { Table } from '../analysis.ts';
import type { Context } from '../measure/context.ts';
import type { Quantity } from '../measure/sample.ts';
import { bootstrapMedians, resamplesFor } from '../statistics/bootstrap.ts';
import type { Difference } from '../statistics/difference.ts';
import { holm } from '../statistics/holm.ts';
import { mannWhitney } from '../statistics/mann-whitney.ts';
import type { Random } from '../statistics/random.ts';
import { medianRatio } from '../statistics/ratio.ts';
import { summarize } from '../statistics/summary.ts';
import type { Baseline } from './baseline.ts';
import { type FactDifference, findDifferences } from './fingerprint.ts';

/** What became of one row since the earlier run. */
export interface ComparedRow {
  readonly id: string;
  readonly quantity: Quantity;
  readonly way: string;
  readonly flags: string;
  /** Medians, nanoseconds. */
  readonly beforeNs: number;
  readonly nowNs: number;
  /** Now through before. */
  readonly ratio: Difference;
  /** Mann-Whitney, corrected for the number of rows. */
  readonly p: number;
  readonly verdict: 'slower' | 'faster' | 'same';
}

/** A run beside an earlier one. */
export interface Comparison {
  readonly baseline: { readonly version: string; readonly startedAt: string; readonly command: readonly string[] };
  readonly noise: number;
  readonly rows: readonly ComparedRow[];
  /** Rows that only one of the two runs has. */
  readonly unmatched: readonly string[];
  /** In what the machines differ; none means that the runs compare. */
  readonly differences: readonly FactDifference[];
}

const CERTAIN = 0.01;

const compareRow = (
  row: Table['rows'][number],
  quantity: Quantity,
  before: readonly number[],
  random: Random,
): Omit<ComparedRow, 'verdict'> | null => {
  const [old, now] = [summarize(before), row.summary];
  if (old === null || now === null) return null;
  const resamples = resamplesFor(before.length + row.samples.length);
  // Two runs have no rounds in common: each is resampled for itself.
  const [oldMedians] = bootstrapMedians([before], resamples, random);
  const [nowMedians] = bootstrapMedians([row.samples], resamples, random);
  if (oldMedians === undefined || nowMedians === undefined) return null;
  return {
    ...{ id: row.id, quantity, way: row.way, flags: row.flags, beforeNs: old.p50, nowNs: now.p50 },
    ratio: medianRatio({ median: now.p50, resampled: nowMedians }, { median: old.p50, resampled: oldMedians }),
    p: mannWhitney(row.samples, before)?.p ?? 1,
  };
};

/**
 * Compares a run with an earlier one.
 *
 * @remarks A row is called slower when its ranks leave no doubt (1%, corrected for the number of rows) and the whole
 * interval of its ratio lies above 1 + noise.
 * @param noise - by which part two runs of the same thing may differ
 */
export const compareRuns = (
  tables: readonly Table[],
  context: Context,
  baseline: Baseline,
  noise: number,
  random: Random,
): Comparison => {
  const unmatched: string[] = [];
  const seen = new Set<string>();
  const rows = tables.flatMap(({ quantity, rows }) =>
    rows.flatMap((row) => {
      const before = baseline.samples.get(row.id)?.[quantity] ?? [];
      seen.add(`${row.id} ${quantity}`);
      const compared = compareRow(row, quantity, before, random);
      if (compared === null) unmatched.push(row.id);
      return compared === null ? [] : [compared];
    }),
  );
  for (const [id, samples] of baseline.samples) {
    if (Object.keys(samples).some((quantity) => !seen.has(`${id} ${quantity}`))) unmatched.push(id);
  }
  const corrected = holm(rows.map(({ p }) => p));
  const verdict = ({ ratio: { low, high } }: { readonly ratio: Difference }, p: number): ComparedRow['verdict'] => {
    if (p >= CERTAIN) return 'same';
    if (low > 1 + noise) return 'slower';
    return high < 1 / (1 + noise) ? 'faster' : 'same';
  };
  return {
    baseline: { version: baseline.version, startedAt: baseline.startedAt, command: baseline.command },
    noise,
    rows: rows.map((row, index) => {
      const p = corrected[index] ?? 1;
      return { ...row, p, verdict: verdict(row, p) };
    }),
    unmatched: [...new Set(unmatched)],
    differences: findDifferences(baseline.context, { ...context }),
  };
};
