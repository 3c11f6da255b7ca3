import type { BenchRun } from '../run.ts';
import type { Summary } from '../statistics/summary.ts';

type Value = string | number | null;

/** A field after RFC 4180: quoted where it has to be. */
const field = (value: Value): string => {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const HEAD = [
  ...['quantity', 'way', 'flags', 'count', 'p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'mean_ns', 'deviation_ns'],
  ...['min_ns', 'max_ns', 'ops_per_second', 'over_none_ns', 'over_none_low_ns', 'over_none_high_ns'],
  ...['ratio_to_none', 'ratio_low', 'ratio_high', 'p', 'refused'],
];

type Line = readonly Value[];

const QUANTILES = ['count', 'p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'mean_ns', 'deviation_ns', 'min_ns', 'max_ns'];

const quantiles = (summary: Summary | null): Line =>
  (['count', 'p50', 'p90', 'p99', 'p999', 'mean', 'deviation', 'min', 'max'] as const).map(
    (name) => summary?.[name] ?? (name === 'count' ? 0 : null),
  );

const tableLines = ({ tables }: BenchRun): readonly Line[] => {
  const lines = tables.flatMap(({ quantity, rows }) =>
    rows.map(
      ({ way, flags, summary, cost, overNone, refused }): Line => [
        ...[quantity, way, flags, ...quantiles(summary), summary?.opsPerSecond ?? null],
        ...[cost?.value ?? null, cost?.low ?? null, cost?.high ?? null],
        ...[overNone?.ratio.value ?? null, overNone?.ratio.low ?? null, overNone?.ratio.high ?? null],
        ...[overNone?.p ?? null, refused?.message ?? null],
      ],
    ),
  );
  return lines.length === 0 ? [] : [HEAD, ...lines];
};

const costLines = ({ marginal }: BenchRun): readonly Line[] => {
  const lines = marginal.flatMap(({ quantity, way, flags, pairs }) =>
    [
      ...flags.map(({ type, cost }) => ({ adds: type as string, cost })),
      ...pairs.map(({ types, cost }) => ({ adds: types.join('+'), cost })),
    ].map(({ adds, cost: { value, low, high, p } }): Line => [quantity, way, adds, value, low, high, p]),
  );
  return lines.length === 0 ? [] : [['quantity', 'way', 'adds', 'value_ns', 'low_ns', 'high_ns', 'p'], ...lines];
};

const phaseLines = ({ phases }: BenchRun): readonly Line[] => {
  const lines = phases.map(
    ({ group, operation, phase, summary, refused }): Line => [
      ...[group, operation, phase, ...quantiles(summary), refused?.message ?? null],
    ],
  );
  return lines.length === 0 ? [] : [['group', 'operation', 'phase', ...QUANTILES, 'refused'], ...lines];
};

const axisLines = ({ scaling }: BenchRun): readonly Line[] => {
  const lines = scaling.flatMap(({ axis, values, rows, refused }) => [
    ...rows.flatMap(({ way, flags, quantity, points }) =>
      points.map(
        (point, index): Line => [axis, values[index] ?? null, way, flags, quantity, ...quantiles(point), null],
      ),
    ),
    ...refused.map(({ value, what, refusal }): Line => {
      const [way = '', flags = ''] = what.split('|');
      return [axis, value, way, flags, null, ...quantiles(null), refusal.message];
    }),
  ]);
  return lines.length === 0 ? [] : [['axis', 'value', 'way', 'flags', 'quantity', ...QUANTILES, 'refused'], ...lines];
};

/**
 * A run as comma-separated values: tables, phases or axes.
 *
 * @remarks A lattice has two parts, each with a head of its own and an empty line between: the sets, and what flags and
 * pairs add.
 */
export const csvReport = (run: BenchRun): string =>
  [tableLines(run), costLines(run), phaseLines(run), axisLines(run)]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => `${line.map(field).join(',')}\r\n`).join(''))
    .join('\r\n');
