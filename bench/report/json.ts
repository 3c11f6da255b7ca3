import { wayName } from '../cases/case.ts';
import type { BenchRun } from '../run.ts';

/** The version of the shape below; it grows when a reader of an older one would misunderstand. */
const SCHEMA_VERSION = 1;

/** The run as plain data: everything that was measured, and what was computed of it. */
export const jsonReport = (
  { startedAt, options, context, cases, rounds, tables, warnings }: BenchRun,
  version: string,
) => ({
  schema: 'linux-namespaces/ns-bench',
  schemaVersion: SCHEMA_VERSION,
  version,
  startedAt: startedAt.toISOString(),
  options: {
    command: options.command,
    args: options.args,
    iterations: options.iterations,
    warmup: options.warmup,
    peers: options.peers,
    seed: options.seed,
    mostMs: options.mostMs,
  },
  context,
  rounds: rounds.rounds,
  ended: rounds.ended,
  cases: cases.map(({ id, way, set }) => {
    const series = rounds.series.get(id);
    return {
      id,
      way: wayName(way),
      flags: set.name,
      namespaces: set.namespaces,
      added: set.added,
      refused: series?.refused ?? null,
      samples: series?.samples ?? {},
    };
  }),
  tables: tables.map(({ quantity, rows, unrankable }) => ({
    quantity,
    rows: rows.map(({ id, summary, cost }) => ({ id, summary, costOverNone: cost })),
    unrankable,
  })),
  warnings,
});
