import type { Row, Table } from '../../analysis.ts';
import type { MarginalCosts } from '../../lattice/marginal-costs.ts';
import type { Phase } from '../../phases/phases.ts';
import type { BenchRun } from '../../run.ts';
import { pointName } from '../../scaling/axis.ts';
import type { Scaling } from '../../scaling/scaling.ts';
import { percentileCurve } from '../../statistics/histogram.ts';
import { QUANTITY_NAMES } from '../../warnings.ts';
import { AXIS_TITLES, quantityName } from '../scaling.ts';
import { costTitles, costUnit, GROUP_TITLES } from '../sheets.ts';
import { titleOf, unitOf } from '../table.ts';
import { inMicroseconds, inUnit, signedInUnit } from '../unit.ts';
import type { Drawing, Figure } from './figure.ts';
import type { Plotting } from './plotting.ts';
import { logTicks, tickName } from './ticks.ts';

const ROW_HEIGHT = 22;

/** Colours by the style sheet, so that they change with the light. */
const INK = { mark: 'var(--mark)', soft: 'var(--soft)', second: 'var(--second)', third: 'var(--third)' } as const;

/** A logarithmic scale for some values, with as many labels as there is room for. */
const logScale = (values: readonly number[], most: number) => ({
  ...{ type: 'log' as const, grid: true, ticks: [...logTicks(values, most)], tickFormat: tickName },
});

/** Names at the left take what they need, on a phone no more than half. */
const marginFor = (names: readonly string[], width: number): number =>
  Math.min(width / 2, 12 + 6.2 * Math.max(...names.map(({ length }) => length)));

/** A name that fits into its margin. */
const shortened = (name: string, margin: number): string => {
  const most = Math.round((margin - 12) / 6.2);
  return name.length <= most ? name : `${name.slice(0, Math.max(1, most - 1))}…`;
};

interface Drawn {
  readonly name: string;
  readonly summary: NonNullable<Row['summary']>;
  readonly samples: readonly number[];
}

const drawnRows = ({ rows }: Table): readonly Drawn[] => {
  const severalWays = new Set(rows.map(({ way }) => way)).size > 1;
  return rows.flatMap(({ flags, way, summary, refused, samples }) =>
    summary === null || refused !== null ? [] : [{ name: severalWays ? `${flags} · ${way}` : flags, summary, samples }],
  );
};

const latencies = ({ plot, document }: Plotting, table: Table): Figure => {
  const unit = unitOf(table);
  const rows = drawnRows(table);
  return {
    title: titleOf(table),
    caption: 'Dot: median. Thick line: from the fastest to the 90th percentile. Thin line: to the 99th.',
    draw: (width) => {
      const marginLeft = marginFor(
        rows.map(({ name }) => name),
        width,
      );
      const data = rows.map(({ name, summary: { p50, p90, p99, min } }) => ({
        ...{ name, p50: p50 / unit.ns, p90: p90 / unit.ns, p99: p99 / unit.ns, min: min / unit.ns },
        told: `${name}: ${inUnit(p50, unit)} ${unit.name}`,
      }));
      const y = 'name';
      return plot.plot({
        ...{ document, width, marginLeft, marginRight: 24, height: 60 + ROW_HEIGHT * rows.length },
        x: {
          ...logScale(
            data.flatMap(({ min, p99 }) => [min, p99]),
            width < 500 ? 5 : 10,
          ),
          label: unit.name,
        },
        y: {
          domain: rows.map(({ name }) => name),
          label: null,
          tickFormat: (name: string) => shortened(name, marginLeft),
          tickSize: 0,
        },
        marks: [
          plot.link(data, { y1: y, y2: y, x1: 'min', x2: 'p99', stroke: INK.soft, strokeWidth: 1.5 }),
          plot.link(data, { y1: y, y2: y, x1: 'min', x2: 'p90', stroke: INK.soft, strokeWidth: 6 }),
          plot.dot(data, { y, x: 'p50', r: 4.5, fill: INK.mark, title: 'told' }),
        ],
      }) as Drawing;
    },
  };
};

/** More curves than that are a tangle. */
const MOST_CURVES = 8;

const curves = ({ plot, document }: Plotting, table: Table): Figure => {
  const unit = unitOf(table);
  const all = drawnRows(table);
  const rows = all.slice(0, MOST_CURVES);
  const points = rows.flatMap(({ name, samples }) =>
    percentileCurve(samples)
      .filter(({ percent }) => percent < 100)
      .map(({ percent, ns }) => ({ name, rarity: 1 / (1 - percent / 100), time: ns / unit.ns })),
  );
  return {
    title: `how rare is slow: ${QUANTITY_NAMES[table.quantity]}, ${unit.name}`,
    caption: `One in so many is slower than that. A curve that stays flat is a time to be relied on.${all.length > rows.length ? ` These are the first ${rows.length} of ${all.length}.` : ''}`,
    draw: (width) =>
      plot.plot({
        ...{ document, width, marginLeft: 56, marginRight: 16, height: 320 },
        x: {
          ...logScale(
            points.map(({ rarity }) => rarity),
            width < 500 ? 5 : 10,
          ),
          label: 'one in',
          grid: false,
        },
        y: {
          ...logScale(
            points.map(({ time }) => time),
            8,
          ),
          label: unit.name,
        },
        color: { legend: true, scheme: 'tableau10', domain: rows.map(({ name }) => name) },
        marks: [plot.lineY(points, { x: 'rarity', y: 'time', stroke: 'name', strokeWidth: 1.8, curve: 'step-after' })],
      }) as Drawing,
  };
};

const marginal = ({ plot, document }: Plotting, costs: MarginalCosts): Figure => {
  const unit = costUnit(costs);
  const flags = [...costs.flags].sort((a, b) => b.cost.value - a.cost.value);
  const data = flags.map(({ type, cost }) => ({
    ...{ type, value: cost.value / unit.ns, low: cost.low / unit.ns, high: cost.high / unit.ns },
    told: `${type}: ${signedInUnit(cost.value, unit)} ${unit.name}`,
  }));
  return {
    title: costTitles(costs).flags,
    caption: `On average over ${costs.sets} sets, with 95% intervals; the model explains ${(costs.rSquared * 100).toFixed(1)}%.`,
    draw: (width) =>
      plot.plot({
        ...{ document, width, marginLeft: 64, marginRight: 24, height: 60 + ROW_HEIGHT * data.length },
        x: { label: unit.name, grid: true, ticks: width < 500 ? 4 : 8 },
        y: { domain: data.map(({ type }) => type), label: null, tickSize: 0 },
        marks: [
          plot.barX(data, { y: 'type', x: 'value', fill: INK.mark, title: 'told' }),
          plot.link(data, { y1: 'type', y2: 'type', x1: 'low', x2: 'high', stroke: 'currentColor', strokeWidth: 1.5 }),
          plot.ruleX([0]),
        ],
      }) as Drawing,
  };
};

const pairs = ({ plot, document }: Plotting, costs: MarginalCosts): Figure => {
  const unit = costUnit(costs);
  const data = costs.pairs.flatMap(({ types: [a, b], cost }) =>
    [
      [a, b],
      [b, a],
    ].map(([x, y]) => ({
      x,
      y,
      value: cost.value / unit.ns,
      number: `${signedInUnit(cost.value, { ...unit, decimals: 0 })}${cost.p < 0.05 ? '*' : ''}`,
      told: `${x} and ${y}: ${signedInUnit(cost.value, unit)} ${unit.name}`,
    })),
  );
  // Beyond the dearest the colours go on, so that ink on them stays readable.
  const most = 1.7 * Math.max(...data.map(({ value }) => Math.abs(value)));
  return {
    title: costTitles(costs).pairs,
    caption: 'A star: beyond doubt (5%, corrected for the number of pairs).',
    draw: (width) =>
      plot.plot({
        ...{
          document,
          width: Math.min(width, 520),
          marginLeft: 60,
          marginBottom: 44,
          height: Math.min(width, 520),
          padding: 0.06,
        },
        x: { label: null, tickRotate: width < 500 ? -45 : 0, tickSize: 0 },
        y: { label: null, tickSize: 0 },
        color: { type: 'diverging', scheme: 'RdBu', reverse: true, domain: [-most, most] },
        marks: [
          plot.cell(data, { x: 'x', y: 'y', fill: 'value', title: 'told' }),
          plot.text(data, { x: 'x', y: 'y', text: 'number', fill: 'black', fontSize: width < 500 ? 8 : 10 }),
        ],
      }) as Drawing,
  };
};

const HALVES = { x: ['cgroup', 'ipc', 'pid', 'uts'], y: ['mnt', 'net', 'time', 'user'] } as const;

/** The part of a set that one side of the heat map stands for. */
const halfName = (namespaces: readonly string[], half: readonly string[]): string =>
  half.filter((type) => namespaces.includes(type)).join('+') || '·';

const halfNames = (half: readonly string[]): readonly string[] =>
  Array.from({ length: 16 }, (_, bits) => half.filter((_, index) => (bits >> index) & 1).join('+') || '·');

const heatMap = ({ plot, document }: Plotting, table: Table, { cases }: BenchRun): Figure => {
  const unit = unitOf(table);
  const namespaces = new Map(cases.map(({ id, set }) => [id, set.namespaces]));
  const data = table.rows.flatMap(({ id, flags, summary }) => {
    const types = namespaces.get(id);
    if (summary === null || types === undefined) return [];
    const told = `${flags}: ${inUnit(summary.p50, unit)} ${unit.name}`;
    const value = summary.p50 / unit.ns;
    return [{ x: halfName(types, HALVES.x), y: halfName(types, HALVES.y), value, number: value.toFixed(0), told }];
  });
  // Half as much again above the dearest keeps the ink on it readable.
  const values = data.map(({ value }) => value);
  const spread = [Math.min(...values), Math.max(...values) * 1.5];
  return {
    title: `all sets: median ${QUANTITY_NAMES[table.quantity]}, ${unit.name}`,
    caption: 'Each cell is the set of the flags at its left and below it.',
    draw: (width) =>
      plot.plot({
        ...{
          document,
          width,
          marginLeft: width < 500 ? 118 : 130,
          marginBottom: 130,
          height: width < 500 ? 420 : 560,
          padding: 0.04,
        },
        x: { domain: halfNames(HALVES.x), label: null, tickRotate: -90, tickSize: 0 },
        y: { domain: halfNames(HALVES.y), label: null, tickSize: 0 },
        color: { scheme: 'YlOrBr', domain: spread },
        style: { fontSize: width < 500 ? '8px' : '10px' },
        marks: [
          plot.cell(data, { x: 'x', y: 'y', fill: 'value', title: 'told' }),
          ...(width < 500 ? [] : [plot.text(data, { x: 'x', y: 'y', text: 'number', fill: 'black', fontSize: 9 })]),
        ],
      }) as Drawing,
  };
};

const phaseFigure = ({ plot, document }: Plotting, group: Phase['group'], phases: readonly Phase[]): Figure => {
  const data = phases.flatMap(({ operation, phase, summary }) => {
    if (summary === null) return [];
    const name = group === 'step' ? phase : operation;
    return [
      {
        name,
        phase,
        value: summary.p50 / 1000,
        told: `${operation}, ${phase}: ${inMicroseconds(summary.p50)} µs`,
      },
    ];
  });
  const names = [...new Set(data.map(({ name }) => name))];
  // That with most phases tells in which order they come.
  const ofName = (name: string): readonly string[] => data.filter((one) => one.name === name).map(({ phase }) => phase);
  const order = [
    ...new Set(
      names
        .map(ofName)
        .sort((a, b) => b.length - a.length)
        .flat(),
    ),
  ];
  return {
    title: GROUP_TITLES[group],
    caption: group === 'spawn' ? 'Medians, since the call.' : 'Medians.',
    draw: (width) => {
      const marginLeft = marginFor(names, width);
      return plot.plot({
        ...{ document, width, marginLeft, marginRight: 24, height: 60 + ROW_HEIGHT * names.length },
        x: {
          ...logScale(
            data.map(({ value }) => value),
            width < 500 ? 5 : 10,
          ),
          label: 'µs',
        },
        y: { domain: names, label: null, tickFormat: (name: string) => shortened(name, marginLeft), tickSize: 0 },
        ...(group === 'step' ? {} : { color: { legend: true, domain: order, scheme: 'tableau10' as const } }),
        marks: [
          plot.ruleY(names, { stroke: INK.soft, strokeOpacity: 0.35 }),
          plot.dot(data, { y: 'name', x: 'value', r: 4.5, fill: group === 'step' ? INK.mark : 'phase', title: 'told' }),
        ],
      }) as Drawing;
    },
  };
};

/** A figure for each thing that was timed: lines of different things would only lie upon each other. */
const growth = (plotting: Plotting, scaling: Scaling): readonly Figure[] =>
  [...new Set(scaling.rows.map(({ quantity }) => quantity))].map((quantity) =>
    growthOf(plotting, { ...scaling, rows: scaling.rows.filter((row) => row.quantity === quantity) }, quantity),
  );

const growthOf = ({ plot, document }: Plotting, { axis, values, rows }: Scaling, quantity: string): Figure => {
  const what = quantityName(quantity);
  const names = rows.map(({ way, flags }) => `${way} ${flags}`);
  const data = rows.flatMap(({ way, flags, points }) =>
    points.flatMap((point, index) => {
      if (point === null) return [];
      const name = `${way} ${flags}`;
      const at = pointName(axis, values[index] ?? 0);
      const told = `${name}, ${what}, ${at}: ${inMicroseconds(point.p50)} µs`;
      return [{ name, at, value: point.p50 / 1000, told }];
    }),
  );
  return {
    title: `by ${AXIS_TITLES[axis]}: ${what}, µs`,
    caption: 'Medians. A line that stays level does not care.',
    draw: (width) =>
      plot.plot({
        ...{ document, width, marginLeft: 64, marginRight: 24, height: 300 },
        x: { type: 'point', domain: values.map((value) => pointName(axis, value)), label: AXIS_TITLES[axis] },
        y: {
          ...logScale(
            data.map(({ value }) => value),
            8,
          ),
          label: 'µs',
        },
        color: { legend: true, domain: names, scheme: 'tableau10' },
        marks: [
          plot.lineY(data, { x: 'at', y: 'value', stroke: 'name', z: 'name', strokeWidth: 1.8 }),
          plot.dot(data, { x: 'at', y: 'value', fill: 'name', r: 3.5, title: 'told' }),
        ],
      }) as Drawing,
  };
};

/** Tables of more rows are drawn as a heat map. */
const MOST_ROWS = 64;

/** All figures that a run has, in the order in which they stand. */
export const figuresOf = (plotting: Plotting, run: BenchRun): readonly Figure[] => {
  const short = run.tables.filter((table) => table.rows.length <= MOST_ROWS && drawnRows(table).length > 0);
  const long = run.options.lattice ? run.tables.filter((table) => drawnRows(table).length > 0) : [];
  const groups = (['spawn', 'step', 'tear-down'] as const).flatMap((group) => {
    const own = run.phases.filter((phase) => phase.group === group && phase.summary !== null);
    return own.length === 0 ? [] : [phaseFigure(plotting, group, own)];
  });
  return [
    ...(run.options.lattice ? [] : short.flatMap((table) => [latencies(plotting, table), curves(plotting, table)])),
    ...run.marginal.flatMap((costs) => [
      marginal(plotting, costs),
      ...(costs.pairs.length > 0 ? [pairs(plotting, costs)] : []),
    ]),
    ...long.map((table) => heatMap(plotting, table, run)),
    ...groups,
    ...run.scaling.flatMap((one) => growth(plotting, one)),
  ];
};
