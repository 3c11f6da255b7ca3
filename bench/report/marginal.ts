import type { MarginalCosts } from '../lattice/marginal-costs.ts';
import type { Coefficient } from '../statistics/least-squares.ts';
import { QUANTITY_NAMES } from '../warnings.ts';
import { drawGrid } from './grid.ts';
import type { Look } from './paint.ts';
import { costUnit } from './sheets.ts';
import { inUnit, signedInUnit, type Unit } from './unit.ts';
import { wrap } from './wrap.ts';

const WIDEST_BAR = 32;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of whole and part blocks; what is negative is shaded. */
const bar = (value: number, most: number): string => {
  const eighths = most === 0 ? 0 : Math.round((Math.abs(value) / most) * WIDEST_BAR * 8);
  if (value < 0) return '░'.repeat(Math.round(eighths / 8));
  return '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7];
};

const interval = ({ low, high }: Coefficient, unit: Unit): string =>
  `${signedInUnit(low, unit)} to ${signedInUnit(high, unit)}`;

/** Pairs below this probability are shown. */
const CERTAIN = 0.05;

const MOST_PAIRS = 12;

const chart = ({ flags }: MarginalCosts, unit: Unit, { paint, width }: Look): string => {
  const sorted = [...flags].sort((a, b) => b.cost.value - a.cost.value);
  const most = Math.max(...sorted.map(({ cost }) => Math.abs(cost.value)));
  const columns = [
    { head: paint.cyan('flag'), align: 'left' },
    { head: paint.cyan('adds'), align: 'right' },
    { head: paint.cyan('95% interval'), align: 'right' },
    ...(width >= 72 ? [{ head: '', align: 'left' as const }] : []),
  ] as const;
  return drawGrid(
    columns,
    sorted.map(({ type, cost }) => {
      const certain = cost.low > 0 || cost.high < 0;
      const value = signedInUnit(cost.value, unit);
      const cells = [type, certain ? paint.bold(value) : paint.dim(value), interval(cost, unit)];
      return width >= 72 ? [...cells, bar(cost.value, most)] : cells;
    }),
  );
};

const pairLines = ({ pairs }: MarginalCosts, unit: Unit, { paint }: Look): readonly string[] => {
  if (pairs.length === 0) return ['Too few sets to tell what pairs of flags cost: give it more time with --budget.'];
  const certain = pairs
    .filter(({ cost }) => cost.p < CERTAIN)
    .sort((a, b) => Math.abs(b.cost.value) - Math.abs(a.cost.value));
  if (certain.length === 0) {
    return [`None of the ${pairs.length} pairs costs more or less than its flags do one by one, beyond doubt.`];
  }
  const rows = certain.slice(0, MOST_PAIRS).map(({ types: [a, b], cost }) => {
    const words = cost.value > 0 ? 'cost more together' : 'cost less together';
    return [`${a} and ${b}`, words, paint.bold(signedInUnit(cost.value, unit)), interval(cost, unit)];
  });
  const left = certain.length - rows.length;
  const heads = [paint.cyan('pair'), '', paint.cyan('adds'), paint.cyan('95% interval')];
  return [
    drawGrid(
      heads.map((head, index) => ({ head, align: index < 2 ? 'left' : 'right' })),
      rows,
    ),
    ...(left > 0 ? [`and ${left} more, smaller ones (--json has all ${pairs.length} pairs)`] : []),
  ];
};

/** What each flag costs, as bars; what pairs cost beyond that; and how well the model fits. */
export const drawMarginalCosts = (costs: MarginalCosts, look: Look): string => {
  const { quantity, way, sets, residual, rSquared, mean } = costs;
  const unit = costUnit(costs);
  const title = `marginal cost of each flag, ${QUANTITY_NAMES[quantity]}, ${way}, ${unit.name}`;
  const fit = `Least squares through the medians of ${sets} sets, whose mean is ${inUnit(mean.value, unit)} ${unit.name}: explains ${(rSquared * 100).toFixed(1)}%; residual ${inUnit(residual.rms, unit)} ${unit.name} (root mean square), at worst ${signedInUnit(residual.worst.value, unit)} for ${residual.worst.flags}.`;
  return [
    look.paint.bold(title),
    chart(costs, unit, look),
    '',
    ...pairLines(costs, unit, look),
    look.paint.dim(wrap(fit, look.width, 2)),
  ].join('\n');
};
