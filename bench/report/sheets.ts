import type { MarginalCosts } from '../lattice/marginal-costs.ts';
import type { Phase } from '../phases/phases.ts';
import type { BenchRun } from '../run.ts';
import { pointName } from '../scaling/axis.ts';
import type { Scaling } from '../scaling/scaling.ts';
import type { Coefficient } from '../statistics/least-squares.ts';
import { AXIS_TITLES, quantityName } from './scaling.ts';
import { inMicroseconds, signedInUnit, type Unit, unitFor } from './unit.ts';

/** A table of text, for a page or a file: everything of a run that is not a table of cases. */
export interface Sheet {
  readonly kind: 'flags' | 'pairs' | Phase['group'] | Scaling['axis'];
  readonly title: string;
  readonly heads: readonly string[];
  /** How many columns at the left are names. */
  readonly names: number;
  readonly rows: readonly (readonly string[])[];
  /** Why a row has nothing more: shown in place of its numbers. */
  readonly refused: readonly { readonly names: readonly string[]; readonly why: string }[];
}

/** The titles of the parts of a spawn. */
export const GROUP_TITLES: Readonly<Record<Phase['group'], string>> = {
  spawn: 'where the time of a spawn goes, µs',
  step: 'single steps, µs',
  'tear-down': 'until the kernel has freed what was left, µs',
};

/** One unit for all costs of a model: that of the dearest flag, with a digit more. */
export const costUnit = ({ flags }: MarginalCosts): Unit =>
  unitFor(Math.max(1000, ...flags.map(({ cost }) => Math.abs(cost.value))) / 10);

/** The titles of what flags and pairs add. */
export const costTitles = (costs: MarginalCosts): Readonly<Record<'flags' | 'pairs', string>> => {
  const of = `${quantityName(costs.quantity)}, ${costUnit(costs).name}`;
  return { flags: `what each flag adds, ${of}`, pairs: `what pairs add beyond their flags, ${of}` };
};

const probability = (p: number): string => (p < 0.001 ? '<0.001' : p.toFixed(3));

const costSheets = (costs: MarginalCosts): readonly Sheet[] => {
  const unit = costUnit(costs);
  const titles = costTitles(costs);
  const cells = (name: string, { value, low, high, p }: Coefficient): readonly string[] => [
    ...[name, signedInUnit(value, unit), `${signedInUnit(low, unit)} to ${signedInUnit(high, unit)}`, probability(p)],
  ];
  const heads = (name: string): readonly string[] => [name, 'adds', '95% interval', 'p'];
  const flags = [...costs.flags].sort((a, b) => b.cost.value - a.cost.value);
  const pairs = [...costs.pairs].sort((a, b) => Math.abs(b.cost.value) - Math.abs(a.cost.value));
  const sheet = { names: 1, refused: [] };
  return [
    {
      ...{ ...sheet, kind: 'flags', title: titles.flags, heads: heads('flag') },
      rows: flags.map(({ type, cost }) => cells(type, cost)),
    },
    ...(pairs.length === 0
      ? []
      : [
          {
            ...{ ...sheet, kind: 'pairs' as const, title: titles.pairs, heads: heads('pair') },
            rows: pairs.map(({ types, cost }) => cells(types.join(' and '), cost)),
          },
        ]),
  ];
};

const phaseSheet = (group: Phase['group'], phases: readonly Phase[]): Sheet => ({
  ...{ kind: group, title: GROUP_TITLES[group], names: 2 },
  heads: ['operation', 'what', 'p50', 'p90', 'p99'],
  rows: phases.flatMap(({ operation, phase, summary }) =>
    summary === null ? [] : [[operation, phase, ...[summary.p50, summary.p90, summary.p99].map(inMicroseconds)]],
  ),
  refused: phases.flatMap(({ operation, summary, refused }) =>
    summary === null ? [{ names: [operation, ''], why: refused?.message ?? 'no time' }] : [],
  ),
});

const axisSheet = ({ axis, values, rows, refused }: Scaling): Sheet => ({
  ...{ kind: axis, title: `by ${AXIS_TITLES[axis]}, µs`, names: 3 },
  heads: [
    ...['flags', 'way', 'what'],
    ...values.map((value) => pointName(axis, value)),
    'last : first',
    '95% interval',
  ],
  rows: rows.map(({ way, flags, quantity, points, growth }) => [
    ...[flags, way, quantityName(quantity)],
    ...points.map((point) => (point === null ? '' : inMicroseconds(point.p50))),
    ...(growth === null
      ? ['', '']
      : [growth.value.toFixed(2), `${growth.low.toFixed(2)} to ${growth.high.toFixed(2)}`]),
  ]),
  refused: refused.map(({ value, what, refusal }) => {
    const [way = '', flags = ''] = what.split('|');
    return { names: [flags, way, `at ${pointName(axis, value)}`], why: refusal.message };
  }),
});

/** All sheets of a run, in the order in which its pictures stand. */
export const sheetsOf = ({ marginal, phases, scaling }: BenchRun): readonly Sheet[] => [
  ...marginal.flatMap(costSheets),
  ...(['spawn', 'step', 'tear-down'] as const).flatMap((group) => {
    const own = phases.filter((phase) => phase.group === group);
    return own.length === 0 ? [] : [phaseSheet(group, own)];
  }),
  ...scaling.map(axisSheet),
];
