import type { Comparison } from '../compare/compare.ts';
import type { ComparedCost } from '../compare/compare-costs.ts';
import type { Verdict } from '../compare/verdict.ts';
import { drawGrid } from './grid.ts';
import type { Look } from './paint.ts';
import { quantityName } from './scaling.ts';
import { inUnit, signedInUnit, unitFor } from './unit.ts';
import { wrap } from './wrap.ts';

/** A duration in the unit that fits it. */
const duration = (ns: number): string => {
  const unit = unitFor(Math.abs(ns));
  return `${inUnit(ns, unit)} ${unit.name}`;
};

const percent = (ratio: number): string => `${ratio >= 1 ? '+' : ''}${((ratio - 1) * 100).toFixed(1)}%`;

const probability = (p: number): string => (p < 0.001 ? '<0.001' : p.toFixed(3));

const painted = (verdict: Verdict, { paint }: Look): string =>
  ({ slower: paint.red('slower'), faster: paint.green('faster'), same: paint.dim('same') })[verdict];

/** Of more lines only those are drawn that have changed. */
const MOST_LINES = 64;

const shown = <T extends { readonly verdict: Verdict }>(all: readonly T[]): readonly T[] =>
  all.length <= MOST_LINES ? all : all.filter(({ verdict }) => verdict !== 'same');

const LEFT = ['flags', 'way', 'what'];
const RIGHT = ['before', 'now', 'change', '95% interval', 'p', ''];

const drawLines = (lines: readonly (readonly string[])[], look: Look): readonly string[] => {
  const head = (names: readonly string[], align: 'left' | 'right') =>
    names.map((name) => ({ head: look.paint.cyan(name), align }));
  return lines.length === 0 ? [] : [drawGrid([...head(LEFT, 'left'), ...head(RIGHT, 'right')], lines)];
};

const costLine = (cost: ComparedCost, look: Look): readonly string[] => {
  const { quantity, way, what, beforeNs, nowNs, difference, p, verdict } = cost;
  const unit = unitFor(Math.max(1000, Math.abs(beforeNs)) / 10);
  const signed = (ns: number): string => `${signedInUnit(ns, unit)}`;
  return [
    ...[what, way, `adds ${quantityName(quantity)}`, duration(beforeNs), duration(nowNs)],
    ...[`${signed(difference.value)} ${unit.name}`, `${signed(difference.low)} to ${signed(difference.high)}`],
    ...[probability(p), painted(verdict, look)],
  ];
};

/** As many names stand in a line. */
const MOST_NAMES = 8;

const listed = (names: readonly string[]): string =>
  names.length <= MOST_NAMES
    ? names.join(', ')
    : `${names.slice(0, MOST_NAMES).join(', ')} and ${names.length - MOST_NAMES} more`;

/** What makes a comparison less than it seems, a sentence for each. */
export const comparisonWarnings = ({ differences, roundsWanted }: Comparison): readonly string[] => {
  const names = differences.map(({ fact }) => fact);
  const some = names.length > 4 ? [...names.slice(0, 3), `${names.length - 3} more`] : names;
  return [
    ...(names.length === 0
      ? []
      : [
          `The runs that are compared differ in ${some.join(', ')}: what changed may be that, and not what is measured`,
        ]),
    ...(roundsWanted === null
      ? []
      : [
          `Too few rounds to call anything slower or faster: let both runs have ${roundsWanted} with -n ${roundsWanted}`,
        ]),
  ];
};

/** A run beside an earlier one, for a person to read. */
export const drawComparison = (
  { baseline, rows, costs, unmatched, differences, noise }: Comparison,
  look: Look,
): string => {
  const grids = [
    drawLines(
      shown(rows).map((row) => [
        ...[row.flags, row.way, quantityName(row.quantity), duration(row.beforeNs), duration(row.nowNs)],
        ...[percent(row.ratio.value), `${percent(row.ratio.low)} to ${percent(row.ratio.high)}`, probability(row.p)],
        painted(row.verdict, look),
      ]),
      look,
    ),
    drawLines(
      shown(costs).map((cost) => costLine(cost, look)),
      look,
    ),
  ];
  const all = [...rows, ...costs];
  const count = (verdict: Verdict): number => all.filter((one) => one.verdict === verdict).length;
  const left = all.length - shown(rows).length - shown(costs).length;
  const notes = [
    `${count('slower')} slower, ${count('faster')} faster, ${count('same')} the same, beyond a noise of ${(noise * 100).toFixed(0)}%.`,
    ...(left === 0 ? [] : [`${left} of them, which are the same, stand in --json only.`]),
    ...(unmatched.length === 0 ? [] : [`In one of the two runs only: ${listed(unmatched)}.`]),
    ...(differences.length === 0
      ? []
      : [
          'These runs are not of the same machine, or of the same command:',
          ...differences.map(({ fact, before, now }) => `- ${fact}: ${before} -> ${now}`),
        ]),
  ];
  const title = `compared with the run of ${baseline.startedAt} (ns-bench ${baseline.version}: ${baseline.command.join(' ')})`;
  const parts = grids.flatMap((grid) => (grid.length === 0 ? [] : [...grid, '']));
  return `${[look.paint.bold(title), ...parts, ...notes.map((line) => wrap(line, look.width, 4))].join('\n')}\n`;
};
