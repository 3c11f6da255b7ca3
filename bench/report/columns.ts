import type { Row, Table } from '../analysis.ts';
import { isDistinct } from '../statistics/difference.ts';
import { logBins } from '../statistics/histogram.ts';
import type { Summary } from '../statistics/summary.ts';
import { bars } from './bars.ts';
import type { Look } from './paint.ts';
import { inUnit, signedInUnit, type Unit } from './unit.ts';

/** One column of numbers. */
export interface Column {
  readonly head: string;
  /** Which go first when the terminal is too narrow: those with the highest number. */
  readonly dispensable: number;
  readonly cell: (row: Row, summary: Summary) => string;
}

const perSecond = (ops: number): string => (ops >= 100 ? ops.toFixed(0) : ops.toPrecision(3));

const BINS = 16;

/** A histogram of one line: all rows of a table on one scale, which is logarithmic. */
const distributionOn = (rows: Table['rows']): ((row: Row) => string) => {
  const low = Math.max(1, Math.min(...rows.flatMap(({ summary }) => (summary === null ? [] : [summary.min]))));
  const high = Math.max(...rows.flatMap(({ summary }) => (summary === null ? [] : [summary.p99])));
  return ({ samples }) => bars(logBins(samples, low, high, BINS));
};

/** All columns of a table, in their order. */
export const columnsOf = ({ rows }: Table, unit: Unit, { paint }: Look): readonly Column[] => {
  const cost = ({ cost: difference }: Row): string => {
    if (difference === null) return '';
    const text = `${signedInUnit(difference.value, unit)} ± ${inUnit((difference.high - difference.low) / 2, unit)}`;
    return isDistinct(difference) ? text : paint.dim(text);
  };
  const columns: readonly Column[] = [
    { head: 'p50', dispensable: 0, cell: (_, { p50 }) => paint.bold(inUnit(p50, unit)) },
    { head: 'p90', dispensable: 1, cell: (_, { p90 }) => inUnit(p90, unit) },
    { head: 'p99', dispensable: 2, cell: (_, { p99 }) => inUnit(p99, unit) },
    { head: 'p99.9', dispensable: 8, cell: (_, { p999 }) => inUnit(p999, unit) },
    {
      head: 'mean ± σ',
      dispensable: 4,
      cell: (_, { mean, deviation }) => `${inUnit(mean, unit)} ± ${inUnit(deviation, unit)}`,
    },
    { head: 'min', dispensable: 6, cell: (_, { min }) => inUnit(min, unit) },
    { head: 'max', dispensable: 5, cell: (_, { max }) => inUnit(max, unit) },
    { head: 'ops/s', dispensable: 3, cell: (_, { opsPerSecond }) => perSecond(opsPerSecond) },
    { head: 'distribution', dispensable: 7, cell: distributionOn(rows) },
    { head: 'over none', dispensable: 0, cell: cost },
    {
      head: '× none',
      dispensable: 3,
      cell: ({ overNone }) => (overNone === null ? '' : overNone.ratio.value.toFixed(2)),
    },
  ];
  return rows.some((row) => row.cost !== null) ? columns : columns.slice(0, -2);
};
