import type { BenchRun } from '../run.ts';

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

/** The tables as comma-separated values, a line for each row of each. */
export const csvReport = ({ tables }: BenchRun): string => {
  const lines = tables.flatMap(({ quantity, rows }) =>
    rows.map(({ way, flags, summary, cost, overNone, refused }): readonly Value[] => [
      ...[quantity, way, flags, summary?.count ?? 0],
      ...(['p50', 'p90', 'p99', 'p999', 'mean', 'deviation', 'min', 'max', 'opsPerSecond'] as const).map(
        (name) => summary?.[name] ?? null,
      ),
      ...[cost?.value ?? null, cost?.low ?? null, cost?.high ?? null],
      ...[overNone?.ratio.value ?? null, overNone?.ratio.low ?? null, overNone?.ratio.high ?? null],
      ...[overNone?.p ?? null, refused?.message ?? null],
    ]),
  );
  return [HEAD, ...lines].map((line) => `${line.map(field).join(',')}\r\n`).join('');
};
