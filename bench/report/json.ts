import { wayName } from '../cases/case.ts';
import type { BenchRun } from '../run.ts';
import { SCHEMA, SCHEMA_VERSION } from '../schema.ts';

/** The run as plain data: everything that was measured, and what was computed of it. */
export const jsonReport = (
  {
    startedAt,
    options,
    context,
    cases,
    rounds,
    warmup,
    disturbance,
    tables,
    marginal,
    phases,
    scaling,
    warnings,
  }: BenchRun,
  version: string,
) => ({
  schema: SCHEMA,
  schemaVersion: SCHEMA_VERSION,
  version,
  startedAt: startedAt.toISOString(),
  options: {
    command: options.command,
    args: options.args,
    iterations: options.iterations,
    warmup: options.warmup,
    peers: options.peers,
    lattice: options.lattice,
    phases: options.phases,
    axes: options.axes,
    seed: options.seed,
    mostMs: options.mostMs,
  },
  context,
  rounds: rounds.rounds,
  warmup,
  disturbance,
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
    rows: rows.map(({ id, summary, cost, overNone }) => ({
      id,
      summary,
      costOverNone: cost,
      ratioToNone: overNone?.ratio ?? null,
      p: overNone?.p ?? null,
    })),
    unrankable,
  })),
  marginalCosts: marginal,
  phases,
  scaling,
  warnings,
});
