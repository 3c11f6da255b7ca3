import { analyse } from '../../bench/analysis.ts';
import { chooseCases } from '../../bench/cases/choose.ts';
import { designOf } from '../../bench/lattice/design.ts';
import { marginalCosts } from '../../bench/lattice/marginal-costs.ts';
import type { Series } from '../../bench/measure/rounds.ts';
import type { BenchRun } from '../../bench/run.ts';
import { seededRandom } from '../../bench/statistics/random.ts';
import { fixedRun } from './fixed-run.ts';

/** Ten made-up rounds of all 256 sets; net is dear, and mnt and user are together. */
export const latticeRun = (): BenchRun => {
  const run = fixedRun();
  const { sets } = designOf(256);
  const cases = chooseCases({
    ...{ sets, backends: [{ name: 'ffi', timesItself: true }], peers: false, others: [] },
    ...{ privileged: true, oneWay: true },
  });
  const random = seededRandom(3);
  const series = new Map(
    cases.map(({ id, set: { namespaces } }): [string, Series] => {
      const has = (type: string): number => (namespaces.some((own) => own === type) ? 1 : 0);
      const floor = 900_000 + 450_000 * has('net') + 80_000 * has('mnt') + 60_000 * has('mnt') * has('user');
      const around = (ns: number): number[] =>
        Array.from({ length: 10 }, () => ns * (1 - 0.03 * Math.log(1 - random())));
      return [id, { samples: { cloneNs: around(floor / 8), totalNs: around(floor) }, refused: null }];
    }),
  );
  const rounds = { rounds: 10, ended: 'complete', series } as const;
  const tables = analyse(cases, rounds, false, seededRandom(3));
  const marginal = tables.flatMap((table) => marginalCosts(table, cases, true, seededRandom(3)) ?? []);
  return { ...run, options: { ...run.options, lattice: true }, cases, rounds, tables, marginal };
};
