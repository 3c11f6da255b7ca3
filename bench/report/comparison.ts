import type { ComparedRow, Comparison } from '../compare/compare.ts';
import { QUANTITY_NAMES } from '../warnings.ts';
import { drawGrid } from './grid.ts';
import type { Look } from './paint.ts';
import { inUnit, unitFor } from './unit.ts';
import { wrap } from './wrap.ts';

/** A duration in the unit that fits it. */
const duration = (ns: number): string => {
  const unit = unitFor(ns);
  return `${inUnit(ns, unit)} ${unit.name}`;
};

const percent = (ratio: number): string => `${ratio >= 1 ? '+' : ''}${((ratio - 1) * 100).toFixed(1)}%`;

const probability = (p: number): string => (p < 0.001 ? '<0.001' : p.toFixed(3));

const verdictOf = ({ verdict }: ComparedRow, { paint }: Look): string =>
  ({ slower: paint.red('slower'), faster: paint.green('faster'), same: paint.dim('same') })[verdict];

/** A run beside an earlier one, for a person to read. */
export const drawComparison = ({ baseline, rows, unmatched, differences, noise }: Comparison, look: Look): string => {
  const left = ['flags', 'way', 'what'].map((head) => ({ head: look.paint.cyan(head), align: 'left' as const }));
  const right = ['before', 'now', 'change', '95% interval', 'p', ''].map((head) => ({
    head: look.paint.cyan(head),
    align: 'right' as const,
  }));
  const grid = drawGrid(
    [...left, ...right],
    rows.map((row) => [
      ...[row.flags, row.way, QUANTITY_NAMES[row.quantity], duration(row.beforeNs), duration(row.nowNs)],
      ...[percent(row.ratio.value), `${percent(row.ratio.low)} to ${percent(row.ratio.high)}`, probability(row.p)],
      verdictOf(row, look),
    ]),
  );
  const count = (verdict: ComparedRow['verdict']): number => rows.filter((row) => row.verdict === verdict).length;
  const notes = [
    `${count('slower')} slower, ${count('faster')} faster, ${count('same')} the same, beyond a noise of ${(noise * 100).toFixed(0)}%.`,
    ...(unmatched.length === 0 ? [] : [`In one of the two runs only: ${unmatched.join(', ')}.`]),
    ...(differences.length === 0
      ? []
      : [
          'These runs are not of the same machine, so that what differs may be the machine:',
          ...differences.map(({ fact, before, now }) => `- ${fact}: ${before} -> ${now}`),
        ]),
  ];
  const title = `compared with the run of ${baseline.startedAt} (ns-bench ${baseline.version}: ${baseline.command.join(' ')})`;
  return `${[look.paint.bold(title), grid, '', ...notes.map((line) => wrap(line, look.width, 4))].join('\n')}\n`;
};
